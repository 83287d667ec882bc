"""Damaged checkpoints, each in a process of its own with little memory and time: every one must be refused in one
sentence, or work.

    python tests/tools/fuzz_checkpoints.py --count 5000 --resume 200

Trains small checkpoints with --binary (default: $FLOCKSTEP_BINARY, or build/flockstep), changes them in one of the ways
below and puts them through flockstep.load_policy and act, some also through `flockstep train --resume`. Number i of a
seed is always the same file; what fails is kept in --keep. Exit code 1 if anything fails.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"  # the forked processes must not wait for threads that only their parent has

import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = "--config none --num_envs 8 --num_steps 8 --num_minibatches 2 --hidden_sizes 16 --device cpu --replay false".split()
SOURCES = {
    "cartpole": "--norm_obs true --norm_reward true".split(),
    "pathfinding": "--num_agents 3 --size 6 --observation windows,cost_to_go --mask_obstacles true".split(),
    "mpe_tag": "--critic_input joint --norm_value true --groups.agent.hidden_sizes 8 --groups.agent.norm_obs true".split(),
    "pendulum": "--state_dependent_std true --squash_output true".split(),
}
AGENTS = {"adversary": 3}  # of a world, by role; 1 in the others that act here
ROOM = 1 << 30  # bytes that a process may take beyond what the libraries do
SECONDS = 20
NUMBERS = [0, -1, 1, 3, 17, 65536, 2**31 - 1, 2**31, 2**63 - 1, 2**64 - 1, -(2**63), 1e300, -1e300, 0.5]
VALUES = [*NUMBERS, None, True, "", "x", "float32", "9" * 400, "65536,65536", [], {}, [1], [[1]], {"a": 1}]
TEXTS = ["", "x", "{}", "[]", "null", "1", '"x"', "\0", "é", "9" * 400, '{"a":[}', "[" * 5000, "[" * 9999 + "]" * 9999]


class Checkpoint:
    """The parts of a safetensors file, to be changed and put together again, rightly or not."""

    def __init__(self, data):
        self.data = data
        self.size = int.from_bytes(data[:8], "little")
        self.header = json.loads(data[8 : 8 + self.size])
        self.metadata = self.header["__metadata__"]
        self.names = [name for name in self.header if name != "__metadata__"]

    def written(self, body=None):
        text = json.dumps(self.header).encode()
        return len(text).to_bytes(8, "little") + text + (self.data[8 + self.size :] if body is None else body)


def cut(file, draw):
    return file.data[: draw.randrange(len(file.data))]


def flip_bits(file, draw):
    data = bytearray(file.data)
    end = draw.choice([8 + file.size, len(data)])  # the header alone, or all of it
    for _ in range(draw.choice([1, 2, 8, 64])):
        data[draw.randrange(end)] ^= 1 << draw.randrange(8)
    return bytes(data)


def change_length(file, draw):
    lengths = [0, 1, file.size - 1, file.size + 1, len(file.data), 2**24, 2**40, 2**63, 2**64 - 1, draw.randrange(2 * file.size)]
    return draw.choice(lengths).to_bytes(8, "little") + file.data[8:]


def change_entry(file, draw):
    """Another type, shape or place of an array."""
    entry = file.header[draw.choice(file.names)]
    key = draw.choice(["dtype", "shape", "data_offsets"])
    if key == "dtype":
        entry[key] = draw.choice(["F32", "U8", "I64", "F64", "BF16", "BOOL", "F16", "x", "", 3, None])
    elif entry[key]:
        entry[key][draw.randrange(len(entry[key]))] = draw.choice(VALUES)
    return file.written()


def drop_entry(file, draw):
    del file.header[draw.choice(file.names)]
    return file.written()


def repeat_entry(file, draw):
    name = draw.choice(["x", "environment.x", "environment.position", "agent.parameter.x"])
    file.header[name] = file.header[draw.choice(file.names)]
    return file.written()


def change_numbers(file, draw):
    """Extreme numbers in an array."""
    entry = file.header[draw.choice(file.names)]
    kind = {"F32": "f4", "F64": "f8", "I64": "i8", "U64": "u8", "I32": "i4", "U32": "u4", "I16": "i2", "U16": "u2", "I8": "i1", "U8": "u1"}
    body = bytearray(file.data[8 + file.size :])
    begin, end = entry["data_offsets"]
    array = np.frombuffer(memoryview(body)[begin:end], "<" + kind[entry["dtype"]])
    limits = [np.nan, np.inf, -np.inf, 1e30, -1, 0] if array.dtype.kind == "f" else [np.iinfo(array.dtype).min, np.iinfo(array.dtype).max, 0, 1, 17]
    for _ in range(draw.choice([1, 1, 100])):
        array[draw.randrange(array.size)] = draw.choice(limits)
    return file.written(bytes(body))


def change_text(file, draw):
    file.metadata[draw.choice(list(file.metadata))] = draw.choice(TEXTS)
    return file.written()


def drop_text(file, draw):
    del file.metadata[draw.choice(list(file.metadata))]
    return file.written()


def change_leaf(tree, draw):
    """Another value for one place of a tree of lists and dicts."""
    while tree:
        key = draw.choice(list(tree)) if isinstance(tree, dict) else draw.randrange(len(tree))
        if isinstance(tree[key], (dict, list)) and tree[key] and draw.random() < 0.85:
            tree = tree[key]
            continue
        if draw.random() < 0.15:
            del tree[key]
        else:
            tree[key] = draw.choice(VALUES)
        return


def change_value(file, draw):
    """Another value within a text of the metadata that is JSON."""
    key = draw.choice(["policies", "policies", "policies", "training_settings", "group_settings", "environment_settings", "progress"])
    tree = json.loads(file.metadata[key])
    for _ in range(draw.choice([1, 1, 1, 2])):
        change_leaf(tree, draw)
    file.metadata[key] = json.dumps(tree)
    return file.written()


CHANGES = [cut, flip_bits, change_length, change_entry, drop_entry, repeat_entry, change_numbers, change_text, drop_text]
CHANGES += [change_value] * 5  # what the readers' checks are about


def damaged(data, draw, changes=CHANGES):
    return draw.choice(changes)(Checkpoint(data), draw)


def play(path):
    """What load_policy and act make of a file: 'accepted' or 'refused'; raises for everything else."""
    import flockstep

    try:
        policy = flockstep.load_policy(path, device="cpu")
        parts, masks = {}, {}
        for name, role in policy.roles.items():
            count = AGENTS.get(name, 1)
            parts[name] = {part: np.ones((2, count, *shape), np.float32) for part, shape in role["observation"].items()}
            legal = {part: np.ones((2, count, sum(action["n"])), bool) for part, action in role["action"].items() if action.get("has_mask")}
            if legal:
                masks[name] = legal if len(role["action"]) > 1 else next(iter(legal.values()))
        only = next(iter(parts)) if len(parts) == 1 else None
        action = policy.act(parts[only], masks.get(only)) if only is not None else policy.act(parts, masks or None)
    except ValueError as error:
        if "\n" in str(error) or not 10 < len(str(error)) < 2000:
            raise RuntimeError(f"not one sentence: {error!r}") from None
        return "refused"
    most = max(sum(part.get("n", [])) for role in policy.roles.values() for part in role["action"].values())
    if isinstance(action, np.ndarray) and action.dtype == np.int32 and (action.min() < 0 or action.max() >= most):
        raise RuntimeError(f"actions from {action.min()} to {action.max()} of {most}")
    return "accepted"


def in_a_process(work):
    """The result of work() in a forked process with limits, or what became of it."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        signal.alarm(SECONDS)
        taken = re.search(r"VmData:\s*(\d+)", pathlib.Path("/proc/self/status").read_text()).group(1)
        resource.setrlimit(resource.RLIMIT_DATA, ((int(taken) << 10) + ROOM,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            result = work()
        except BaseException as error:  # whatever it is, it goes into the report
            result = f"{type(error).__name__}: {error}"
        os.write(writing, result.encode(errors="replace")[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        result = pipe.read().decode(errors="replace")
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return result


def resume(binary, run):
    """What `flockstep train --resume` makes of a run folder: 'accepted' or 'refused', or what became of it."""

    def limit():
        resource.setrlimit(resource.RLIMIT_DATA, (2 * ROOM, 2 * ROOM))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    words = [binary, "train", "--resume", run, "--total_steps", "1000", "--device", "cpu", "--replay", "false"]
    try:
        result = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=3 * SECONDS, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return "took too long"
    if result.returncode == 0:
        return "accepted"
    is_sentence = len(result.stderr.splitlines()) == 1 and result.stderr.startswith("flockstep: ")
    return "refused" if result.returncode == 2 and is_sentence else f"exit code {result.returncode}: {result.stderr[:2000]}"


def train(binary, folder):
    """A run folder of each source."""
    for name, words in SOURCES.items():
        command = [binary, "train", name, "--total_steps", "500", *SMALL, *words, "--runs", folder, "--run_name", name]
        subprocess.run(command, check=True, capture_output=True)
    return sorted(folder.iterdir())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=5000, help="files for load_policy and act")
    parser.add_argument("--resume", type=int, default=200, help="files for flockstep train --resume")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", default=os.environ.get("FLOCKSTEP_BINARY", ROOT / "build/flockstep"))
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for the files that fail")
    given = parser.parse_args()
    import flockstep  # before the first fork: every process has it already
    import flockstep._flockstep_policy  # noqa: F401

    torch.set_num_threads(1)
    counts, failures = collections.Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        runs = train(given.binary, folder / "runs")
        sources = [(run / "checkpoint.safetensors").read_bytes() for run in runs]

        def note(kind, i, data, result):
            counts[kind, result if result in ("accepted", "refused") else "failed"] += 1
            if result in ("accepted", "refused"):
                return
            failures.append(f"{kind} {i}: {result}")
            if given.keep:
                given.keep.mkdir(parents=True, exist_ok=True)
                (given.keep / f"{kind}-{given.seed}-{i}.safetensors").write_bytes(data)

        path = folder / "it.safetensors"
        for i in range(given.count):
            data = damaged(sources[i % len(sources)], random.Random(f"load {given.seed} {i}"))
            path.write_bytes(data)
            note("load", i, data, in_a_process(lambda: play(path)))
        for i in range(given.resume):
            run = runs[i % len(runs)]
            draw = random.Random(f"resume {given.seed} {i}")
            data = damaged(sources[i % len(sources)], draw, draw.choice([CHANGES, [change_numbers]]))
            (run / "checkpoint.safetensors").write_bytes(data)
            note("resume", i, data, resume(given.binary, run))
    for failure in failures:
        print(failure)
    for kind, number in ("load", given.count), ("resume", given.resume):
        print(f"{kind}: {number} files, {', '.join(f'{counts[kind, result]} {result}' for result in ('refused', 'accepted', 'failed'))}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
