#!python
"""The command `flockstep` of an installed package: runs the program with the LibTorch of this environment's torch."""

import importlib.metadata
import importlib.util
import os
import signal
import sys


def folder_of(package):
    """Where a package is installed, without importing it; None where it is not."""
    spec = importlib.util.find_spec(package)
    return spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else None


def what_is_missing(program):
    """Why the program cannot run, as one sentence, or an empty text."""
    if not os.path.exists(program):
        return "this package was built without the program; install one that was built where torch 2.11 is installed"
    if folder_of("torch") is None:
        return "torch is not installed: pip install 'flockstep[train]'"
    version = importlib.metadata.version("torch")
    return "" if version.startswith("2.11.") else f"got torch {version}, want 2.11: pip install 'flockstep[train]'"


def main():
    program = os.path.join(folder_of("flockstep"), "bin", "flockstep")
    if sentence := what_is_missing(program):
        print(f"flockstep: {sentence}", file=sys.stderr)
        sys.exit(2)
    libraries = [os.path.join(folder_of("torch"), "lib"), os.environ.get("LD_LIBRARY_PATH")]
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, libraries))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and programs that it starts would too
    os.execv(program, ["flockstep", *sys.argv[1:]])


main()
