"""What a model reaches with fewer training images.

    esp8k less-data --model v2

Fixed subsets of 50, 25, 10, 5 and 1 %, each inside the larger one and with the same
number of images of every class. Two ways to train on each: as many passes as on all
images (so fewer steps), and as many steps (so more passes). Finished runs stay in
`build/<model>/less-data/`: a command that was stopped goes on where it was. All images
are the first seeds of `make seeds`, taken from its file where that has this recipe.
Writes `build/<model>/less-data.json`; with --write the committed
`training/results/less-data/<model>.json` too, and the picture of all models there.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from core.cli import parse, require_range
from core.files import write_json
from core.isolate import workers
from core.manifest import json_object
from core.paths import build_root
from core.program import run
from core.saying import say
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from training import data, models
from training.environment import environment
from training.figure import BLUE, GREY, PALE, RED, figure, store
from training.layers import CLASSES
from training.schedule import Recipe
from training.studies import seeds
from training.studies.records import LessData, Origin, Point, Reached, Run, Summary
from training.studies.seeds import MOST_JOBS, MOST_SEEDS, Series

RESULTS = seeds.RESULTS / "less-data"
PICTURE = seeds.RESULTS / "less-data.png"
PERCENTS = (50, 25, 10, 5, 1)  # beside 100
WAYS = {"epochs": "same number of epochs", "steps": "same number of steps"}
IMAGES = 60_000
ORDER_SEED = 20_261  # fixes the subsets


@dataclass(frozen=True)
class Config:
    """Options of `esp8k less-data`."""

    model: ModelName = DEFAULT_MODEL  # which network
    seeds: int = 5  # of each, numbered from 0
    jobs: int = 1  # runs side by side, one thread each
    write: bool = False  # also replace the committed results and their picture
    json: bool = False  # print the result as JSON


@dataclass(frozen=True)
class Case:
    """One run: how many of the images, trained which way, from which seed."""

    model: str
    percent: int
    way: str  # a key of WAYS
    seed: int

    @property
    def path(self) -> Path:
        """Where its record is filed."""
        name = f"{self.percent}-{self.way}-{self.seed}.json"
        return build_root() / self.model / "less-data" / name

    def origin(self) -> Origin:
        """What a stored run must have been made with to count."""
        return {
            **series(self.model).wanted(),
            "recipe": self.recipe.record(),
            "percent": self.percent,
            "way": self.way,
        }

    @property
    def recipe(self) -> Recipe:
        """How it is trained."""
        return shortened(series(self.model).recipe, self.percent, self.way)


def series(model: str) -> Series:
    """All images; without a teacher, which would have to learn from less as well."""
    return Series(model, teacher=False)


def subset(labels: np.ndarray, percent: int) -> np.ndarray:
    """Indices of `percent` of the images, as many of each class; ascending."""
    each = len(labels) * percent // (100 * CLASSES)
    random = np.random.default_rng(ORDER_SEED)
    order = random.permutation(len(labels))
    parts = [order[labels[order] == digit][:each] for digit in range(CLASSES)]
    return np.sort(np.concatenate(parts))


def shortened(full: Recipe, percent: int, way: str) -> Recipe:
    """The recipe for a subset; the same recipe where nothing is left out.

    With fewer steps the average of the weights must reach less far back: it covers
    the same share of the run. At 1 % and 50 steps, decay 0.998 would give out nine
    tenths of the weights that the run started with.
    """
    all_steps = math.ceil(IMAGES / full.batch) * full.epochs
    a_pass = math.ceil(IMAGES * percent / 100 / full.batch)
    if way == "steps":
        return replace(full, epochs=round(all_steps / a_pass))
    reach = (1 - full.ema) * all_steps / (a_pass * full.epochs)
    return replace(full, ema=round(max(0.0, 1 - reach), 6) if full.ema else 0.0)


def train_case(case: Case) -> Run:
    """Train one case and file it."""
    labels = data.load().train_labels
    origin = case.origin()
    return seeds.train_one(
        case.path, case.recipe, case.seed, origin, subset(labels, case.percent)
    )


def train_missing(cases: list[Case], jobs: int) -> Iterator[Run]:
    """Train the cases that are not there yet; yields each record as it is done."""
    todo = [c for c in cases if seeds.stored_at(c.path, c.origin()) is None]
    if not todo:
        return
    with workers(max(1, min(jobs, len(todo)))) as pool:
        for future in as_completed([pool.submit(train_case, case) for case in todo]):
            yield future.result()


def complete(model: str, count: int, jobs: int) -> Sequence[Reached]:
    """The records with all images: from the file of seeds, else trained here."""
    whole = series(model)
    path = seeds.RESULTS / f"{whole.name}.json"
    if path.exists():
        filed = cast(Summary, json_object(path))
        same = all(filed.get(k) == v for k, v in whole.wanted().items())
        if same and filed["n"] >= count:
            return filed["seeds"][:count]
    for _ in seeds.train_missing(whole, range(count), jobs):
        pass
    found = (whole.stored(seed) for seed in range(count))
    return [record for record in found if record]


def point(percent: int, way: str, records: Sequence[Reached]) -> Point:
    """One point of the plot."""
    values = [record["float_accuracy"] for record in records]
    return {
        "percent": percent,
        "images": IMAGES * percent // 100,
        "way": way,
        "mean": round(statistics.fmean(values), 4),
        "std": round(statistics.stdev(values), 4) if len(values) > 1 else None,
        "n": len(values),
        "seeds": [
            {
                "seed": record["seed"],
                "float_accuracy": record["float_accuracy"],
                "weights": record["weights"],
            }
            for record in records
        ],
    }


def summary(config: Config) -> LessData:
    """The content of the results file; every case must have been trained."""
    model = config.model
    whole = complete(model, config.seeds, config.jobs)
    points = []
    for way in WAYS:
        points.append(point(100, way, whole))
        for percent in PERCENTS:
            cases = [Case(model, percent, way, seed) for seed in range(config.seeds)]
            records = [seeds.stored_at(c.path, c.origin()) for c in cases]
            chosen = cases[0].recipe.record()
            found = point(percent, way, [r for r in records if r])
            found["epochs"], found["ema"] = chosen["epochs"], chosen["ema"]
            points.append(found)
    command = f"esp8k less-data --model {model} --seeds {config.seeds}"
    return {
        **series(model).wanted(),
        "command": command,
        "environment": environment(),
        "points": points,
    }


def results() -> list[LessData]:
    """What has been filed so far, one entry a model."""
    return [cast(LessData, json_object(p)) for p in sorted(RESULTS.glob("*.json"))]


def draw(found: list[LessData]) -> Any:
    """Errors against the number of images, one panel a way of training."""
    picture = figure(9.0, 3.8)
    panels = picture.subplots(1, 2, sharey=True)
    colors = (BLUE, RED, GREY, "#3a8f57")
    ticks = (100, *PERCENTS)
    levels = (0.5, 1, 2, 5, 10, 20, 50, 100)
    for axes, (way, title) in zip(panels, WAYS.items(), strict=True):
        for result, color in zip(found, colors, strict=False):
            mine = [p for p in result["points"] if p["way"] == way]
            x = [p["percent"] for p in mine]
            axes.errorbar(
                x, [100 - p["mean"] for p in mine], [p["std"] or 0 for p in mine],
                fmt="o-", color=color, capsize=3, markersize=4, label=result["model"],
            )  # fmt: skip
        axes.set(title=title.capitalize(), xscale="log", yscale="log")
        axes.set_xlabel("% of the training images")
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.set_yticks(levels, [str(level) for level in levels])
        axes.minorticks_off()
        axes.grid(axis="y", color=PALE, linewidth=0.8)
        axes.set_axisbelow(True)
    panels[0].legend(fontsize=9)
    panels[0].set_ylabel("% wrong of the test images")
    panels[1].tick_params(axis="y", length=0)  # the scale is that of the left panel
    points = [p for result in found for p in result["points"]]
    least = min(100 - p["mean"] for p in points)
    greatest = max(100 - p["mean"] + (p["std"] or 0) for p in points)
    panels[0].set_ylim(least * 0.8, greatest * 1.25)
    picture.suptitle(
        "Fewer training images, more errors: mean of the seeds on file, bars of one "
        "standard deviation (training/results/less-data)",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    return picture


def main(argv: Sequence[str] | None = None) -> None:
    """Train what is missing, then write the file and the picture."""
    config = parse(Config, argv, "less-data", __doc__ or "")
    require_range(config, seeds=(1, MOST_SEEDS), jobs=(1, MOST_JOBS))
    models.build(config.model)  # an unknown name fails here, not in a worker
    cases = [
        Case(config.model, percent, way, seed)
        for percent in reversed(PERCENTS)
        for way in WAYS
        for seed in range(config.seeds)
    ]
    for done in train_missing(cases, config.jobs):
        what = f"{done['percent']} %, {WAYS[done['way']]}, seed {done['seed']}"
        say(f"{config.model} {what}: {done['float_accuracy']:.2f} %")
    result = summary(config)
    write_json(build_root() / config.model / "less-data.json", result)
    if config.write:
        write_json(RESULTS / f"{config.model}.json", result)
        store(draw(results()), PICTURE)
    if config.json:
        print(for_json(result, 1))
        return
    for p in result["points"]:
        spread = "" if p["std"] is None else f" (std {p['std']:.2f})"
        print(f"{p['percent']:3} % {WAYS[p['way']]}: {p['mean']:.2f} %{spread}")


if __name__ == "__main__":
    run(main)
