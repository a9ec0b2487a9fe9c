"""The sweep: drawn recipes arrive in the trainer; Ray is an extra, not a must."""

import importlib.util
import json
from pathlib import Path

import pytest

from training import sweep
from training.errors import Esp8kError

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
    recipe = sweep._recipe(DRAWN, sweep.Config(model="v2", epochs=3))
    assert (recipe.epochs, recipe.batch, recipe.peak) == (3, 64, 0.02)
    assert (recipe.decay, recipe.ema) == (0.05, 0.996)
    assert (recipe.affine.degrees, recipe.affine.shear) == (4.0, 0.05)


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_a_missing_ray_is_named_with_its_cure() -> None:
    with pytest.raises(Esp8kError, match="Ray Tune is not installed") as caught:
        sweep.sweep(sweep.Config())
    assert ".[sweep]" in caught.value.hint


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason="needs the extra .[sweep]")
def test_a_sweep_of_two_trials_gives_two_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    config = sweep.Config(model="v2", trials=2, epochs=1, images=640, parallel=1)
    rows = sweep.sweep(config)
    assert len(rows) == 2 and json.dumps(rows)
    assert {row["epoch"] for row in rows} == {1}
