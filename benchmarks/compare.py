"""`make compare`: Flockstep on the CPU against EnvPool (CartPole-v1) and POGEMA (pathfinding), all called from Python.

Usage: PYTHONPATH=build/python python benchmarks/compare.py [--json] [--save] [--rounds N] [--seconds S]

The peers are installed from PyPI, pinned, into a separate virtual environment, .venv-compare. Each contestant is a
separate process (contestants.py) that only works on request, with the same number of threads as the other. If a
contestant has several sizes to choose from, each is tried briefly and the fastest is measured; then the two alternate,
because machines are noisy, and the median and range over the rounds are reported. --save writes the output of --json to
benchmarks/results/.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = ROOT / ".venv-compare"
CORES = len(os.sched_getaffinity(0))

# sizes: the options of a contestant. EnvPool: batch_size < num_envs is its asynchronous mode; the caller is one more
# thread, so fewer worker threads than cores may be faster.
SYNCHRONOUS = [(n, n) for n in (64, 256, 512, 1024, 4096)]
ASYNCHRONOUS = [(64, 32), (256, 128), (1024, 256), (1024, 512), (4096, 1024)]
ENVPOOL = [{"num_envs": n, "batch_size": b, "num_threads": t} for t in sorted({max(CORES - 1, 1), CORES}) for n, b in SYNCHRONOUS + ASYNCHRONOUS]
WORKS = [
    {
        "work": "cartpole",
        "unit": "env steps/s",
        "threads": CORES,
        "wanted": 30,
        "sizes": {
            "flockstep_cartpole": [{"num_envs": n} for n in (1024, 4096, 16384, 65536)],
            "envpool_cartpole": ENVPOOL,
        },
    },
    {
        "work": "pathfinding, 64 agents on 32x32",
        "unit": "agent steps/s",
        "threads": 1,
        "wanted": 50,
        "sizes": {"flockstep_pathfinding": [{"num_envs": n} for n in (1, 16, 256)], "pogema": [{"num_envs": 1}]},
    },
]


def install_peers():
    """The Python of .venv-compare, which contains exactly the packages of requirements-compare.txt."""
    pins = HERE / "requirements-compare.txt"
    stamp, python = PEERS / ".installed", PEERS / "bin" / "python"
    if not (stamp.exists() and stamp.read_text() == pins.read_text()):
        print(f"compare: installing EnvPool and POGEMA into {PEERS.name} (1 GB, a minute)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", PEERS], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", pins], check=True)
        stamp.write_text(pins.read_text())
    return python


class Contestant:
    """A process that measures on request; see contestants.py."""

    def __init__(self, name, python, threads):
        limits = {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")}
        self._name = name
        self._process = subprocess.Popen(
            [python, HERE / "contestants.py", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **limits},
        )
        self.facts = self._read()

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"compare: {self._name} ended with exit code {self._process.wait()}")
        return json.loads(line)

    def measure(self, size, seconds):
        """Steps per second over at least that many seconds."""
        self._process.stdin.write(json.dumps({"size": size, "seconds": seconds}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def best_size(self, sizes):
        return sizes[0] if len(sizes) == 1 else max(sizes, key=lambda size: self.measure(size, 0.5))

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def measure(work, pythons, rounds, seconds):
    """One workload: its two contestants alternate."""
    contestants = {name: Contestant(name, pythons[name.startswith("flockstep")], work["threads"]) for name in work["sizes"]}
    size = {name: contestants[name].best_size(sizes) for name, sizes in work["sizes"].items()}
    rates = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            rates[name].append(contestant.measure(size[name], seconds))
    result = {key: work[key] for key in ("work", "unit", "threads", "wanted")}
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for role, name in zip(("flockstep", "peer"), contestants, strict=True):
        measured = {"median": medians[name], "lowest": min(rates[name]), "highest": max(rates[name])}
        result[role] = {**contestants[name].facts, **size[name], **measured}
        contestants[name].close()
    ours, theirs = medians.values()
    return {**result, "rounds": rounds, "ratio": ours / theirs}


def cpu_model():
    match = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else platform.machine()


def commit():
    """The measured commit; "+" marks uncommitted changes."""
    run = subprocess.run(["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"], cwd=ROOT, capture_output=True, text=True)
    return run.stdout.strip() or "unknown"


def row(result):
    def text(measured):
        return "{median:.3g} ({lowest:.3g} to {highest:.3g})".format(**measured)

    ours, peer = result["flockstep"], result["peer"]
    name = f"{peer['name']} {peer['version']}"
    return f"{result['work']:<32} {result['threads']:>7}  {text(ours):<32} {name:<14} {text(peer):<32} {result['ratio']:>6.1f} {result['wanted']:>6}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one object per line instead of the table")
    parser.add_argument("--save", action="store_true", help="also write the objects to benchmarks/results/")
    parser.add_argument("--rounds", type=int, default=7, help="rounds per contestant")
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds per round")
    options = parser.parse_args()
    pythons = {True: sys.executable, False: install_peers()}
    machine = {
        "cpu": cpu_model(),
        "cores": CORES,
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
    }
    if not options.json:
        print(f"{machine['cpu']}, {CORES} cores, commit {machine['commit']}; median (range) of {options.rounds} rounds, steps per second")
        print(f"{'work':<32} {'threads':>7}  {'flockstep':<32} {'peer':<14} {'':<32} {'ratio':>6} {'wanted':>6}")
    lines = []
    for work in WORKS:
        result = {**measure(work, pythons, options.rounds, options.seconds), **machine}
        lines.append(json.dumps(result))
        print(lines[-1] if options.json else row(result), flush=True)
    if options.save:
        slug = re.sub(r"[^a-z0-9]+", "-", machine["cpu"].lower()).strip("-")
        path = HERE / "results" / f"compare-{slug}-{CORES}-cores.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(line + "\n" for line in lines))


if __name__ == "__main__":
    main()
