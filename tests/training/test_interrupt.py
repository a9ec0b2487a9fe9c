"""A run that is really killed leaves whole files, and resuming it loses nothing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.paths import ROOT
from training import checkpoint

RUN = ("--model", "v1", "--epochs", "3", "--images", "640", "--no-plots")


def command(*extra: str) -> list[str]:
    return [sys.executable, "-m", "training.train", *RUN, *extra]


def surroundings(build: Path) -> dict[str, str]:
    return os.environ | {"ESP8K_BUILD": str(build), "OMP_NUM_THREADS": "1"}


def train(build: Path, *extra: str) -> str:
    """A run to its end; the hash of its weights."""
    done = subprocess.run(
        command(*extra),
        cwd=ROOT,
        env=surroundings(build),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((build / "v1" / "metrics.json").read_text())["weights_hash"]


@pytest.fixture(scope="module")
def straight(
    furnished: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The weights of a run that nobody interrupts."""
    return train(furnished(tmp_path_factory.mktemp("straight")))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_resuming_a_killed_run_gives_the_weights_of_an_uninterrupted_one(
    how: signal.Signals,
    straight: str,
    furnished: Callable[[Path], Path],
    tmp_path: Path,
) -> None:
    furnished(tmp_path)
    with subprocess.Popen(
        command(),
        cwd=ROOT,
        env=surroundings(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if "epoch 1/3" in line:
                run.send_signal(how)
                break
        rest = run.stderr.read()
    folder = tmp_path / "v1"
    assert not (folder / "model.pt").exists()
    assert checkpoint.read(folder / "unfinished.pt")["epoch"] in (1, 2)
    if how is signal.SIGINT:
        assert run.returncode == 130
        assert "error: interrupted" in rest and "Traceback" not in rest
        assert (
            "RESUME=1" in rest
        )  # the hint goes on, where the same command starts over
    assert train(tmp_path, "--resume") == straight
    assert checkpoint.load(folder / "model.pt").weights_hash == straight
    assert not (folder / "unfinished.pt").exists()
