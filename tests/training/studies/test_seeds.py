"""Many seeds: what is kept, what is trained again, and the arithmetic of the file."""

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import Esp8kError
from core.paths import ROOT
from training import checkpoint, data
from training.studies import seeds

V2 = seeds.Series("v2")
KEYS = {"mean", "std", "min", "max", "n", "wilson95", "seeds", "command", "recipe"}


def file_away(seed: int, accuracy: float, **changes: Any) -> None:
    """A finished seed of v2 in the build folder."""
    record = {
        **V2.wanted(),
        "seed": seed,
        "float_accuracy": accuracy,
        "int8_accuracy": accuracy - 0.01,
        "weights": f"{seed:064x}",
        "data_hash": "0" * 64,
        "environment": {},
        **changes,
    }
    place = V2.folder
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{seed}.json").write_text(json.dumps(record))
    (place / f"{seed}.pt").touch()


@pytest.fixture(autouse=True)
def build(
    furnished: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(furnished(tmp_path)))


def test_the_summary_is_the_arithmetic_of_its_seeds() -> None:
    for seed, accuracy in enumerate((99.40, 99.44, 99.48)):
        file_away(seed, accuracy)
    result = seeds.summary(V2, 3)
    assert result.keys() >= KEYS
    assert (result["n"], result["min"], result["max"]) == (3, 99.40, 99.48)
    assert (result["mean"], result["std"]) == (99.44, 0.04)
    assert result["int8_mean"] == pytest.approx(99.43)
    low, high = result["wilson95"]
    assert low < 99.44 < high
    assert "99.440 % (std 0.040) over 3 seeds" in seeds.sentence(result)


def test_a_seed_of_another_recipe_does_not_count() -> None:
    file_away(0, 99.4)
    file_away(1, 99.4, recipe={**V2.wanted()["recipe"], "epochs": 50})
    assert V2.stored(0) is not None
    assert V2.stored(1) is None


def test_finished_seeds_are_not_trained_again(monkeypatch: pytest.MonkeyPatch) -> None:
    file_away(0, 99.4)
    file_away(1, 99.5)
    monkeypatch.setattr(seeds, "train_seed", lambda *_: pytest.fail("trained again"))
    assert list(seeds.train_missing(V2, range(2), jobs=1)) == []


def test_a_seed_is_evaluated_on_the_test_set_exactly_once(
    mnist: data.Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = data.Data(
        mnist.name,
        mnist.train_images[:256],
        mnist.train_labels[:256],
        mnist.test_images[:500],
        mnist.test_labels[:500],
        mnist.hash,
    )
    looks: list[int] = []
    evaluate = seeds.evaluate

    def counted(model: Any, images: np.ndarray, labels: np.ndarray) -> Any:
        looks.append(len(images))
        return evaluate(model, images, labels)

    monkeypatch.setattr(data, "load", lambda: small)
    monkeypatch.setattr(seeds, "evaluate", counted)
    monkeypatch.setitem(seeds.TEMPERATURES, "v2", 1.25)
    record = seeds.train_seed(V2, 0)
    assert looks == [500]
    assert V2.stored(0) == record
    weights = checkpoint.load(V2.folder / "0.pt")
    assert (weights.weights_hash, weights.temperature) == (record["weights"], 1.25)


def test_no_seeds_is_a_mistake() -> None:
    with pytest.raises(Esp8kError, match="--seeds 0 is out of range"):
        seeds.main(["--seeds", "0"])


def test_the_committed_result_is_replaced_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(seeds, "RESULTS", tmp_path)
    V2.folder.mkdir(parents=True)
    record = V2.wanted() | {
        "seed": 0,
        "float_accuracy": 99.0,
        "int8_accuracy": 99.0,
        "weights": "0" * 64,
        "data_hash": "0" * 64,
        "environment": {},
    }
    (V2.folder / "0.json").write_text(json.dumps(record))
    (V2.folder / "0.pt").touch()
    (tmp_path / "v2.json").write_text("ten seeds")
    seeds.main(["--model", "v2", "--seeds", "1"])
    assert (tmp_path / "v2.json").read_text() == "ten seeds"
    assert json.loads((tmp_path / "build/v2/seeds.json").read_text())["n"] == 1
    seeds.main(["--model", "v2", "--seeds", "1", "--write"])
    assert json.loads((tmp_path / "v2.json").read_text())["n"] == 1


RESULTS = sorted(
    path for path in (ROOT / "training" / "results").glob("*.json") if path.exists()
)


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_committed_result_agrees_with_its_own_seeds(path: Path) -> None:
    result = json.loads(path.read_text())
    values = [seed["float_accuracy"] for seed in result["seeds"]]
    assert result.keys() >= KEYS
    assert result["n"] == len(values) == len({s["weights"] for s in result["seeds"]})
    assert result["mean"] == pytest.approx(statistics.fmean(values), abs=1e-4)
    assert result["std"] == pytest.approx(statistics.stdev(values), abs=1e-4)
