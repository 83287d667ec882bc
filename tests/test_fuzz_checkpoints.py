"""A small sample of tests/tools/fuzz_checkpoints.py: damaged checkpoints are refused in one sentence, or work."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("FLOCKSTEP_BINARY", ROOT / "build/flockstep"))
flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
pytest.importorskip("torch")
pytest.importorskip("flockstep._flockstep_policy", reason="the policy module is not built")
pytestmark = pytest.mark.skipif(not BINARY.is_file(), reason=f"{BINARY} is not built")


def test_damaged_checkpoints_are_refused_or_work(tmp_path):
    words = [sys.executable, ROOT / "tests/tools/fuzz_checkpoints.py", "--count", "40", "--resume", "6", "--keep", tmp_path]
    package = pathlib.Path(flockstep.__file__).absolute().parent.parent  # not where links of build/python lead
    environment = {**os.environ, "PYTHONPATH": str(package), "FLOCKSTEP_BINARY": str(BINARY)}
    result = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    counts = re.findall(r"(\w+): (\d+) files, (\d+) refused, (\d+) accepted, 0 failed", result.stdout)
    assert [(kind, int(files)) for kind, files, *_ in counts] == [("load", 40), ("resume", 6)]
    for _, files, refused, accepted in counts:
        assert int(refused) > 0 and int(refused) + int(accepted) == int(files)
