#!/usr/bin/env python3
"""From the shell prompt to a solved CartPole: trains and evaluates like a user, seed by seed, and prints the time taken.

    benchmarks/solve_cartpole.py                                         on the GPU if there is one, otherwise on the CPU
    benchmarks/solve_cartpole.py --device cpu --seeds 1 2 3
    benchmarks/solve_cartpole.py --train "--num_envs 4096 --max_seconds 2"   more settings of `flockstep train`

Solved: the mean return over the first episode of each of 1,000 fresh worlds (of a seed that training does not use) is at
least 475. Seconds are wall-clock from the start of `flockstep train` to the end of `flockstep eval`. Exit code 1 if a seed
was not solved, or took longer than --at_most.
"""

import argparse
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOLVED = 475


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="training seeds")
    parser.add_argument("--config", default="cartpole", help="a recipe's name or file")
    parser.add_argument("--train", default="", help="settings for `flockstep train`, in addition to the file's")
    parser.add_argument("--eval", default="", help="settings of `flockstep eval`, such as --deterministic")
    parser.add_argument("--at_most", type=float, default=0, help="time limit per seed in seconds; 0: none")
    parser.add_argument("--flockstep", default=ROOT / "build" / "flockstep", type=pathlib.Path, help="the program")
    return parser.parse_args()


def flockstep(program, *words):
    result = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{program.name} {words[0]}: exit code {result.returncode}: {result.stderr.strip()}")
    return result.stdout


def solve(seed, arguments, folder):
    """Seconds of training, of both, and the score with its standard error."""
    begin = time.perf_counter()
    flockstep(arguments.flockstep, "train", "cartpole", "--config", arguments.config, "--device", arguments.device,
              "--seed", seed, "--runs", folder / str(seed), *shlex.split(arguments.train))
    trained = time.perf_counter()
    (run,) = (folder / str(seed)).iterdir()
    said = flockstep(arguments.flockstep, "eval", "--checkpoint", run, "--episodes", 1000, "--seed", 1_000_000 + seed,
                     "--device", arguments.device, "--json", *shlex.split(arguments.eval))
    score = json.loads(said)["metrics"]["episode_return"]
    return trained - begin, time.perf_counter() - begin, score["mean"], score["standard_error"]


def main():
    arguments = read_arguments()
    load = os.getloadavg()[0]
    print(f"{arguments.flockstep} on {arguments.device}, {os.cpu_count()} CPU cores, load {load:.1f} before; solved: {SOLVED}")
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in arguments.seeds:
            training, total, mean, error = solve(seed, arguments, pathlib.Path(folder))
            is_good = mean >= SOLVED and (arguments.at_most <= 0 or total <= arguments.at_most)
            failures += not is_good
            print(f"seed {seed}: {total:6.2f} s ({training:.2f} s training), mean return {mean:.1f} +- {error:.1f}"
                  f"{'' if is_good else '   NOT SOLVED' if mean < SOLVED else '   TOO LATE'}", flush=True)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
