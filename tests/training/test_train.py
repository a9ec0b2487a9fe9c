"""`esp8k train` as a user meets it."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import Esp8kError
from core.paths import ROOT
from export.__main__ import main as export
from tests.support.disk import full_disk
from tests.support.image_folder import fill
from tests.support.products import V2
from tools.classify.host import Host
from training import checkpoint, data, models
from training.fit import Trainer
from training.schedule import Recipe
from training.train import main

TINY = (*V2, "--epochs", "2", "--images", "512")
THREE = (*V2, "--epochs", "3", "--images", "256", "--no-plots")


def train(build: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "training.train", *arguments],
        cwd=ROOT,
        env=os.environ | {"ESP8K_BUILD": str(build), "OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def trained(
    furnished: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """`build/v2` of a tiny run."""
    build = furnished(tmp_path_factory.mktemp("build"))
    done = train(build, *TINY)
    assert done.returncode == 0, done.stderr
    assert "epoch 2/2" in done.stderr and "written to" in done.stdout
    return build / "v2"


def test_a_run_writes_checkpoint_metrics_and_pictures(trained: Path) -> None:
    assert checkpoint.load(trained / "model.pt").model == "v2"
    for name in ("learning-curves", "confusion", "confidence", "misclassified"):
        assert (trained / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert not list(trained.glob("*.part")) and not list(trained.glob(".*.part"))
    assert (trained / ".train-options").read_text() == "0 2 mnist --images\n"


def test_metrics_say_how_the_weights_came_about(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["weights_hash"] == checkpoint.load(trained / "model.pt").weights_hash
    assert (metrics["parameters"], metrics["macs"]) == (7_890, 231_392)
    assert metrics["seed"] == 0 and len(metrics["data_hash"]) == 64
    assert metrics["packages"]["torch"] == torch.__version__
    epochs = metrics["history"]
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    for key in ("loss", "accuracy", "train_accuracy", "learning_rate", "seconds"):
        assert all(isinstance(epoch[key], float) for epoch in epochs)
    assert metrics["accuracy"] == pytest.approx(epochs[-1]["accuracy"], abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "v9"), "'v9' is none of v1, v2"),
        (("--epochs", "0"), "cannot train 0 epochs"),
        (("--images", "0"), "--images 0 is out of range"),
        (("--dataset", "cifar"), "no data set 'cifar'"),
        (("--peak", "1e9", *TINY), "diverged"),
        (("--threads", "0"), "--threads 0 is out of range"),
        (("--threads", "100000"), "--threads 100000 is out of range"),  # a crash
    ],
)
def test_a_mistake_gets_one_clear_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    with pytest.raises(Esp8kError, match=message) as caught:
        main(arguments)
    assert caught.value.code == 2 and "\n" not in caught.value.message
    assert not (tmp_path / "v2" / "model.pt").exists()


def test_a_build_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = train(tmp_path / "file" / "build", *TINY)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: cannot write to")
    assert lines[1].startswith("hint:") and len(lines) == 2


def test_a_full_disk_is_found_before_training_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    with full_disk(1_000), pytest.raises(Esp8kError, match="cannot write") as caught:
        main(TINY)
    assert "free some space" in caught.value.hint
    assert not list((tmp_path / "v2").iterdir())


class Killed(BaseException):
    """Stands in for Ctrl-C or a kill between two steps."""


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`build/v2` of a run of three epochs that was killed during its third."""
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    whole = Trainer.run_epoch

    def until_the_third(self: Trainer, on_step: Any = None) -> Any:
        if self.epoch == 2:
            raise Killed
        return whole(self, on_step)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "run_epoch", until_the_third)
        with pytest.raises(Killed):
            main(THREE)
    return tmp_path / "v2"


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    interrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not (interrupted / "model.pt").exists()
    main((*THREE, "--resume"))
    resumed = json.loads((interrupted / "metrics.json").read_text())
    assert not (interrupted / "unfinished.pt").exists()
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "other"))
    main(THREE)
    straight = json.loads((tmp_path / "other" / "v2" / "metrics.json").read_text())
    assert resumed["weights_hash"] == straight["weights_hash"]
    assert [e["loss"] for e in resumed["history"]] == [
        e["loss"] for e in straight["history"]
    ]


def test_an_interrupted_run_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    main((*TINY, "--no-plots"))
    before = (tmp_path / "v2" / "model.pt").read_bytes()

    def die(*_args: Any) -> None:
        raise Killed

    monkeypatch.setattr(os, "fsync", die)  # half of a new file is written by now
    with pytest.raises(Killed):
        main((*TINY, "--no-plots", "--seed", "1"))
    assert (tmp_path / "v2" / "model.pt").read_bytes() == before


def test_a_run_with_other_options_is_not_resumed(interrupted: Path) -> None:
    with pytest.raises(Esp8kError, match="interrupted run had seed 0, not 1"):
        main((*THREE, "--resume", "--seed", "1"))


def test_images_must_not_be_empty(mnist: data.Data) -> None:
    with pytest.raises(Esp8kError, match="no training images"):
        Trainer(
            models.build("v2"),
            mnist.train_images[:0],
            mnist.train_labels[:0],
            Recipe(),
            0,
        )


def test_tensorboard_is_written_or_its_install_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    arguments = (*TINY, "--no-plots", "--tensorboard")
    if importlib.util.find_spec("tensorboard"):
        main(arguments)
        assert list((tmp_path / "v2" / "tensorboard").glob("events*"))
    else:
        with pytest.raises(Esp8kError, match="not installed") as caught:
            main(arguments)
        assert ".[tensorboard]" in caught.value.hint


@pytest.mark.skipif(
    not data.DEBIAN.exists(), reason="needs Debian's dataset-fashion-mnist"
)
def test_another_data_set_trains_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    main((*TINY, "--no-plots", "--dataset", "fashion", "--json"))
    metrics = json.loads((tmp_path / "v2" / "metrics.json").read_text())
    assert json.loads(capsys.readouterr().out) == metrics
    assert metrics["dataset"] == "fashion"
    stored = checkpoint.load(tmp_path / "v2" / "model.pt")
    assert stored.config["dataset"] == "fashion"  # export reads its images from here
    assert "json" not in stored.config  # nor does the way of printing change a file


@pytest.mark.slow
def test_a_folder_of_three_classes_is_trained_exported_and_classified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist: data.Data
) -> None:
    """Quantized on its own images, checked on its own test images."""
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))
    dataset = fill(tmp_path / "own", mnist, count=60)
    main(("--model", "v1", "--dataset", dataset, "--epochs", "8"))
    folder = tmp_path / "build" / "v1"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["accuracy"] > 80 and (folder / "confidence.png").exists()
    export(["--model", "v1"])
    host = Host("v1")
    assert host.classes == ("ant", "bee", "cat")
    images = data.load(dataset)
    logits = host.logits("int8", images.test_images)  # of the compiled C
    assert logits.shape == (len(images.test_labels), 3)
    assert (logits.argmax(1) == images.test_labels).mean() > 0.8
    verified = json.loads((folder / "verify.json").read_text())
    assert len({r["digest"] for r in verified["rows"] if "int8" in r["artefact"]}) == 2
