"""The sweep: drawn recipes arrive in the trainer; Ray is an extra, not a must."""

import importlib.util
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from core.errors import Esp8kError
from core.paths import ROOT
from training.studies import sweep

DRAWN = {
    "peak": 0.02,
    "decay": 0.05,
    "ema": 0.996,
    "degrees": 4.0,
    "scale": 0.1,
    "shear": 0.05,
    "shift": 0.5,
    "seed": 0,
}
HAS_RAY = importlib.util.find_spec("ray") is not None


def test_a_drawn_recipe_replaces_that_of_the_model() -> None:
    recipe = sweep.recipe_of(DRAWN, sweep.Config(model="v2", epochs=3))
    assert (recipe.epochs, recipe.batch, recipe.peak) == (3, 64, 0.02)
    assert (recipe.decay, recipe.ema) == (0.05, 0.996)
    assert (recipe.affine.degrees, recipe.affine.shear) == (4.0, 0.05)


def test_ray_address_alone_decides_where_a_sweep_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    here = sweep.place_of(sweep.Config(jobs=3))
    assert (here["address"], here["num_cpus"]) == ("local", 3)
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    place = sweep.place_of(sweep.Config(jobs=3))
    assert "num_cpus" not in place
    assert place["runtime_env"]["working_dir"] == str(ROOT)


def test_a_share_of_a_gpu_is_asked_for_only_where_it_is_wanted() -> None:
    assert sweep.resources_of(sweep.Config()) == {"cpu": 1}
    assert sweep.resources_of(sweep.Config(gpu=0.1)) == {"cpu": 1, "gpu": 0.1}
    with pytest.raises(Esp8kError, match="cannot have 1.5 GPUs"):
        sweep.resources_of(sweep.Config(gpu=1.5))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_named_before_any_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(Esp8kError, match="there is no GPU"):
        sweep.sweep(sweep.Config(gpu=0.1))


def test_a_missing_ray_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # importing it fails
    with pytest.raises(Esp8kError, match="Ray Tune is not installed") as caught:
        sweep.sweep(sweep.Config())
    assert ".[sweep]" in caught.value.hint


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason="needs the extra .[sweep]")
def test_a_killed_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    """kill -9 after the first epoch of the second trial; the first is not run again."""
    size = ("--trials", "2", "--epochs", "3", "--images", "640", "--jobs", "1")
    command = [sys.executable, "-m", "training.studies.sweep", "--model", "v1", *size]
    place = os.environ | {"ESP8K_BUILD": str(tmp_path), "OMP_NUM_THREADS": "1"}

    def epochs() -> list[int]:
        """Lines that each trial has reported."""
        found = (tmp_path / "sweeps" / "sweep").glob("trial_*/result.json")
        return sorted(len(path.read_text().splitlines()) for path in found)

    with subprocess.Popen(command, cwd=ROOT, env=place) as first:
        while sum(epochs()) < 3 and first.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                first.wait(0.2)
        first.kill()
    before = epochs()
    assert sum(before) >= 3, "it ended by itself"
    again = subprocess.run(
        [*command, "--json"], cwd=ROOT, env=place, capture_output=True, text=True
    )
    assert again.returncode == 0, again.stderr[-3_000:]
    rows = json.loads((tmp_path / "sweeps" / "sweep.json").read_text())
    assert len(rows) == 2 and rows[0]["epoch"] == 3
    assert all(0 < row["accuracy"] <= 100 for row in rows)
    assert "Restoring the run" in again.stderr
    told = json.loads(again.stdout)
    assert told["trials"] == rows and told["best"] == rows[0]
