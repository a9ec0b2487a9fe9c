"""Train one model with many seeds and say what it reaches: mean, spread, interval.

    esp8k seeds --model v2 --seeds 10        # or: make seeds

Each seed trains on all 60,000 images with the model's recipe and meets the test set
once, with its last weights. Finished seeds stay in `build/<model>/seeds/`, so a run
that was stopped goes on where it was. The result is `build/<model>/seeds.json`; only
with --write the committed `training/results/<model>.json` too.
The int8 figures come from the exporter and its integer reference. With --no-teacher the
model learns alone, and the results are `seeds-alone.json`, `<model>-alone.json`.
"""

import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch

from core.cli import parse, require_range
from core.errors import Esp8kError
from core.files import write_json
from core.isolate import workers
from core.manifest import json_object
from core.paths import ROOT, build_root
from core.program import run
from core.saying import say
from core.statistics import wilson_percent
from core.text import for_json
from core.words import DEFAULT_MODEL, MODELS, ModelName
from training import checkpoint, data, models
from training.environment import environment
from training.evaluate import evaluate
from training.fit import Trainer
from training.recipes import TEMPERATURES, recipe
from training.schedule import Recipe
from training.studies.records import Origin, Run, Summary
from training.teacher import teacher_for

RESULTS = ROOT / "training" / "results"
TEST_IMAGES = 10_000
MOST_SEEDS, MOST_JOBS = 1_000, 64

# A program of its own: export imports training, never the other way round.
INT8 = (sys.executable, "-m", "export.accuracy")


@dataclass(frozen=True)
class Config:
    """Options of `esp8k seeds`."""

    model: ModelName = DEFAULT_MODEL  # which network
    seeds: int = 10  # numbered from 0
    jobs: int = 2  # seeds trained side by side, one thread each
    teacher: bool = True  # whether a teacher helps, where the recipe has one
    int8: bool = True  # whether each seed is measured as int8, too
    write: bool = False  # also replace the committed training/results/<model>.json
    json: bool = False  # print the result as JSON


def main(argv: Sequence[str] | None = None) -> None:
    """Train what is missing, then write and print the summary."""
    config = parse(Config, argv, "seeds", __doc__ or "")
    require_range(config, seeds=(1, MOST_SEEDS), jobs=(1, MOST_JOBS))
    if not config.teacher and not Series(config.model, teacher=False).alone:
        raise Esp8kError(f"{config.model} has no teacher", "leave --no-teacher out")
    series = Series(config.model, config.teacher)
    for done in train_missing(series, range(config.seeds), config.jobs):
        accuracy = f"{done['float_accuracy']:.2f} %"
        say(f"{series.name} seed {done['seed']}: {accuracy}")
    if config.int8:
        add_int8(series, range(config.seeds))
    result = summary(series, config.seeds)
    write_json(series.folder.with_suffix(".json"), result)
    if config.write:
        write_json(RESULTS / f"{series.name}.json", result)
    print(for_json(result, 1) if config.json else sentence(result))


@dataclass(frozen=True)
class Series:
    """A model by its recipe, or without the teacher that the recipe gives it."""

    model: str
    teacher: bool = True

    @property
    def recipe(self) -> Recipe:
        """How each seed is trained."""
        return recipe(self.model, teacher=self.teacher)

    @property
    def alone(self) -> bool:
        """Whether there is a teacher that it does without."""
        return self.recipe != recipe(self.model)

    @property
    def name(self) -> str:
        """Of its file of results."""
        return f"{self.model}-alone" if self.alone else self.model

    @property
    def folder(self) -> Path:
        """Where finished seeds lie."""
        return build_root() / self.model / ("seeds-alone" if self.alone else "seeds")

    def wanted(self) -> Origin:
        """What a stored seed must have been trained with to count."""
        module = models.build(self.model)
        return {
            "model": self.model,
            "recipe": self.recipe.record(),
            "parameters": models.parameters(module),
            "macs": models.macs(module),
        }

    def stored(self, seed: int) -> Run | None:
        """The record of a finished seed, unless it was made with another recipe."""
        return stored_at(self.folder / f"{seed}.json", self.wanted())


def filed() -> dict[str, Summary]:
    """The committed results by name: each model, and behind it the same alone."""
    found: dict[str, Summary] = {}
    for model in MODELS:
        for series in (Series(model), Series(model, teacher=False)):
            path = RESULTS / f"{series.name}.json"
            if path.exists():
                title = f"{model}, alone" if series.alone else model
                found[title] = cast(Summary, json_object(path))
    return found


def stored_at(path: Path, like: Origin) -> Run | None:
    """The record of a finished run, if it was made as `like` says."""
    if not path.exists() or not path.with_suffix(".pt").exists():
        return None
    try:
        record = json_object(path)
    except ValueError:
        return None  # damaged: it is trained anew
    same = all(record.get(key) == value for key, value in like.items())
    return cast(Run, record) if same else None


def train_missing(series: Series, seeds: range, jobs: int) -> Iterator[Run]:
    """Train the seeds that are not there yet; yields each record as it is done."""
    todo = [seed for seed in seeds if series.stored(seed) is None]
    if todo:  # the teacher first, and once
        images = data.load()
        teacher_for(series.recipe, images.train_images, images.train_labels)
    with workers(max(1, min(jobs, len(todo)))) as pool:
        pending = [pool.submit(train_seed, series, seed) for seed in todo]
        for future in as_completed(pending):
            yield future.result()


def train_seed(series: Series, seed: int) -> Run:
    """One headline run: five passes over all images, one look at the test set."""
    path = series.folder / f"{seed}.json"
    return train_one(path, series.recipe, seed, series.wanted())


def train_one(
    path: Path,
    chosen: Recipe,
    seed: int,
    origin: Origin,
    part: np.ndarray | None = None,
) -> Run:
    """Train on all images, or on those of indices `part`; file record and weights."""
    torch.set_num_threads(1)
    images = data.load()
    torch.manual_seed(seed)
    model = origin["model"]
    shown = slice(None) if part is None else part
    pairs = images.train_images[shown], images.train_labels[shown]
    teacher = teacher_for(chosen, *pairs)
    trainer = Trainer(models.build(model), *pairs, chosen, seed, teacher=teacher)
    for _ in range(chosen.epochs):
        trainer.run_epoch()
    result = models.build(model)
    result.load_state_dict(trainer.weights())
    seen = evaluate(result, images.test_images, images.test_labels)
    settings = {"seed": seed, "recipe": chosen.record()}
    weights = path.with_suffix(".pt")
    digest = checkpoint.save(
        weights, model, trainer.weights(), settings, TEMPERATURES.get(model)
    )
    record: Run = {
        **origin,
        "seed": seed,
        "float_accuracy": round(seen.accuracy, 4),
        "int8_accuracy": None,
        "weights": digest,
        "seconds": round(sum(epoch.seconds for epoch in trainer.history), 1),
        "data_hash": images.hash,
        "teacher": teacher.record() if teacher else None,
        "environment": environment() | {"engine": trainer.engine},
    }
    write_json(path, record)
    return record


def add_int8(series: Series, seeds: range) -> None:
    """Fill in the int8 accuracy of every seed that lacks it."""
    records = [series.stored(seed) for seed in seeds]
    todo = [r for r in records if r is not None and r["int8_accuracy"] is None]
    if not todo:
        return
    paths = [str(series.folder / f"{record['seed']}.pt") for record in todo]
    process = subprocess.Popen(
        [*INT8, *paths],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    output, errors = process.communicate()
    lines = [line for line in output.splitlines() if line.startswith("int8 ")]
    for record, line in zip(todo, lines, strict=False):
        record["int8_accuracy"] = float(line.split()[1])
        write_json(series.folder / f"{record['seed']}.json", record)
    if process.returncode != 0 or len(lines) != len(todo):
        last = (errors.strip().splitlines() or ["no message"])[-1]
        raise Esp8kError(
            f"the int8 accuracy of {series.name} could not be measured: {last}",
            "the float results are kept; --no-int8 leaves the int8 ones out",
        )


def summary(series: Series, count: int) -> Summary:
    """The content of the results file; every figure in percent."""
    records = [r for r in (series.stored(seed) for seed in range(count)) if r]
    values = [record["float_accuracy"] for record in records]
    integer = [r["int8_accuracy"] for r in records if r["int8_accuracy"] is not None]
    mean = statistics.fmean(values)
    low, high = wilson_percent(mean / 100 * TEST_IMAGES, TEST_IMAGES)
    complete = len(integer) == len(values)
    wanted = series.wanted()
    alone = " TEACHER=no" if series.alone else ""
    return {
        "model": series.model,
        "mean": round(mean, 4),
        "std": round(statistics.stdev(values), 4) if len(values) > 1 else None,
        "min": min(values),
        "max": max(values),
        "n": len(values),
        "wilson95": [round(low, 4), round(high, 4)],
        "int8_mean": round(statistics.fmean(integer), 4) if complete else None,
        "recipe": wanted["recipe"],
        "parameters": wanted["parameters"],
        "macs": wanted["macs"],
        "teacher": records[0].get("teacher"),
        "command": f"make seeds MODEL={series.model} N={count}{alone}",
        "data_hash": records[0]["data_hash"],
        "environment": records[0]["environment"],
        "seeds": [
            {
                "seed": record["seed"],
                "float_accuracy": record["float_accuracy"],
                "int8_accuracy": record["int8_accuracy"],
                "weights": record["weights"],
            }
            for record in records
        ],
    }


def sentence(result: Summary) -> str:
    """The summary for people."""
    low, high = result["wilson95"]
    spread = "" if result["std"] is None else f" (std {result['std']:.3f})"
    text = (
        f"{result['model']}: {result['mean']:.3f} %{spread} over {result['n']} seeds, "
        f"{result['min']:.2f} to {result['max']:.2f}; Wilson 95 % of the mean on "
        f"10,000 images {low:.2f} to {high:.2f}"
    )
    if result["int8_mean"] is not None:
        text += f"; int8 {result['int8_mean']:.3f} %"
    return text


if __name__ == "__main__":
    run(main)
