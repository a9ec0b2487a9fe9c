"""Less data: nested, balanced subsets; recipes of equal share; files that agree."""

import itertools
import json
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.paths import ROOT
from training import data
from training.schedule import Recipe
from training.studies import lessdata, seeds, tables

FULL = Recipe()
STEPS = math.ceil(60_000 / FULL.batch) * FULL.epochs


def steps(recipe: Recipe, percent: int) -> int:
    """That a run with this recipe takes."""
    return math.ceil(600 * percent / recipe.batch) * recipe.epochs


def test_subsets_are_nested_and_balanced(mnist: data.Data) -> None:
    larger = np.arange(60_000)
    for percent in lessdata.PERCENTS:
        chosen = lessdata.subset(mnist.train_labels, percent)
        counts = np.bincount(mnist.train_labels[chosen], minlength=10)
        assert counts.tolist() == [60 * percent] * 10
        assert np.isin(chosen, larger).all() and (np.diff(chosen) > 0).all()
        larger = chosen


def test_all_images_are_trained_with_the_recipe_itself() -> None:
    for way in lessdata.WAYS:
        assert lessdata.shortened(FULL, 100, way) == FULL


@pytest.mark.parametrize("percent", lessdata.PERCENTS)
def test_as_many_steps_means_as_many_steps(percent: int) -> None:
    recipe = lessdata.shortened(FULL, percent, "steps")
    assert steps(recipe, percent) == pytest.approx(STEPS, rel=0.01)
    assert recipe.ema == FULL.ema


@pytest.mark.parametrize("percent", lessdata.PERCENTS)
def test_with_fewer_steps_the_average_covers_the_same_share(percent: int) -> None:
    recipe = lessdata.shortened(FULL, percent, "epochs")
    assert recipe.epochs == FULL.epochs
    reach = 1 / (1 - recipe.ema)  # steps
    share = 1 / (1 - FULL.ema) / STEPS
    assert reach / steps(recipe, percent) == pytest.approx(share, rel=0.01)


def test_no_average_stays_no_average() -> None:
    assert lessdata.shortened(Recipe(ema=0.0), 1, "epochs").ema == 0.0


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Build folder, results and picture, all private."""
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(seeds, "RESULTS", tmp_path)
    monkeypatch.setattr(lessdata, "RESULTS", tmp_path / "less-data")
    monkeypatch.setattr(lessdata, "PICTURE", tmp_path / "less-data.png")
    return tmp_path


def fake(path: Path, origin: dict[str, Any], seed: int) -> dict[str, Any]:
    """A finished run, without the hours."""
    percent = origin.get("percent", 100)
    accuracy = 99.4 - 20 / percent - (origin.get("way") == "steps") * 0.5 + 0.01 * seed
    record = origin | {
        "seed": seed,
        "float_accuracy": accuracy,
        "int8_accuracy": None,
        "weights": f"{percent}-{seed}",
        "data_hash": "0" * 64,
        "environment": {},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    path.with_suffix(".pt").touch()
    return record


def test_a_study_gives_one_point_a_share_and_way(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(2):
        whole = lessdata.series("v2")
        fake(whole.folder / f"{seed}.json", whole.wanted(), seed)
        for percent in lessdata.PERCENTS:
            for way in lessdata.WAYS:
                case = lessdata.Case("v2", percent, way, seed)
                fake(case.path, case.origin(), seed)
    monkeypatch.setattr(seeds, "train_one", lambda *_: pytest.fail("trained again"))
    lessdata.main(["--model", "v2", "--seeds", "2"])
    assert not (places / "less-data").exists()  # committed files: only when asked
    lessdata.main(["--model", "v2", "--seeds", "2", "--write"])
    filed = json.loads((places / "less-data" / "v2.json").read_text())
    shares = {(p["percent"], p["way"]) for p in filed["points"]}
    assert len(filed["points"]) == len(shares) == 12
    for point in filed["points"]:
        values = [seed["float_accuracy"] for seed in point["seeds"]]
        assert point["n"] == len(values) == 2
        assert point["mean"] == pytest.approx(statistics.fmean(values), abs=1e-4)
    assert (places / "less-data.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_of_another_recipe_is_trained_again(places: Path) -> None:
    case = lessdata.Case("v2", 1, "epochs", 0)
    old = case.origin()
    fake(case.path, old | {"recipe": old["recipe"] | {"peak": 1.0}}, 0)
    assert seeds.stored_at(case.path, case.origin()) is None
    fake(case.path, old, 0)
    assert seeds.stored_at(case.path, case.origin()) is not None


def test_a_case_is_trained_on_its_subset_alone(
    places: Path,
    furnished: Callable[[Path], Path],
    mnist: data.Data,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    furnished(places / "build")
    small = data.Data(
        mnist.name,
        mnist.train_images,
        mnist.train_labels,
        mnist.test_images[:500],
        mnist.test_labels[:500],
        mnist.hash,
    )
    monkeypatch.setattr(data, "load", lambda: small)
    shown: list[int] = []
    trainer = seeds.Trainer

    def watched(model: Any, images: np.ndarray, *rest: Any, **named: Any) -> Any:
        shown.append(len(images))
        return trainer(model, images, *rest, **named)

    monkeypatch.setattr(seeds, "Trainer", watched)
    case = lessdata.Case("v2", 1, "epochs", 0)
    record = lessdata.train_case(case)
    assert shown == [600] and (record["percent"], record["way"]) == (1, "epochs")
    assert seeds.stored_at(case.path, case.origin()) == record


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "training" / "results" / "less-data").glob("*.json")),
    ids=lambda path: path.stem,
)
def test_a_committed_study_agrees_with_its_own_seeds(path: Path) -> None:
    points = json.loads(path.read_text())["points"]
    shares = {(p["percent"], p["way"]) for p in points}
    assert shares == set(itertools.product((100, *lessdata.PERCENTS), lessdata.WAYS))
    for point in points:
        values = [seed["float_accuracy"] for seed in point["seeds"]]
        assert point["n"] == len(values) == 5
        assert point["mean"] == pytest.approx(statistics.fmean(values), abs=1e-4)
        assert point["std"] == pytest.approx(statistics.stdev(values), abs=1e-4)


def test_one_seed_has_no_spread_and_is_drawn_and_listed_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`less-data --seeds 1 --write` ended in a traceback, when all was trained."""
    one = [{"seed": 0, "float_accuracy": 97.5, "weights": "ab"}]
    points = [
        lessdata.point(percent, way, one)
        for way in lessdata.WAYS
        for percent in (100, *lessdata.PERCENTS)
    ]
    found = [{"model": "v2", "points": points}]
    assert lessdata.draw(found).axes
    monkeypatch.setattr(lessdata, "results", lambda: found)
    assert "| 100 | 60,000 | 97.50 | 97.50 |" in tables.less_data()
