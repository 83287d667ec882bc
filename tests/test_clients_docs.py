"""The examples of docs/clients.md, with the libraries that they use."""

from conftest import require_client

for name in ("stable_baselines3", "supersuit", "torchrl", "skrl", "tianshou"):
    require_client(name)

import examples  # noqa: E402
from test_docs import CLIENTS, run_example_page  # noqa: E402


def test_every_example_for_other_libraries_runs(tmp_path):
    assert len(examples.blocks_of(CLIENTS.read_text())) > 10
    run_example_page(CLIENTS, tmp_path)
