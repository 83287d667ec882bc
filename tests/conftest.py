"""Fixtures of the tests that run the program."""

import pytest
from command import SMALL, only_run, succeed


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A short run on CartPole: (folder, run folder, what it printed)."""
    folder = tmp_path_factory.mktemp("trained")
    said = succeed(
        "train", "cartpole", "--total_steps", "20000", *SMALL, "--log_every", "0.05", "--evaluate_episodes", "50", cwd=folder
    )
    return folder, only_run(folder), said
