"""Many trials and seeds on Ray Tune: the search of `search`, in parallel.

    .venv/bin/pip install -e '.[sweep]'
    esp8k sweep --model v3 --trials 20        # or: make sweep

ASHA stops the trials whose validation loss lags behind after an epoch. A trial is kept
after each epoch, so the same command goes on after a kill and loses at most the epochs
in flight. Local by default; RAY_ADDRESS runs it on a cluster (and SWEEP_STORAGE then
names storage that all nodes reach). With --gpu 0.1 ten trials share a GPU; that has
never been run on one. The test set is never read.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from core.cli import parse
from core.errors import Esp8kError
from core.files import write_json
from core.paths import ROOT, build_root
from core.program import run
from core.text import for_json
from core.words import ModelName
from training import checkpoint, data, models
from training.augment import Affine
from training.confidence import loss
from training.evaluate import evaluate
from training.fit import Trainer, check_device
from training.recipes import recipe
from training.schedule import Recipe


@dataclass(frozen=True)
class Config:
    """Options of `esp8k sweep`."""

    model: ModelName = "v3"  # which network
    trials: int = 20  # recipes drawn at random
    seeds: int = 1  # of each recipe, numbered from 0
    epochs: int = 5  # passes over the 55,000 images
    images: int | None = None  # train on the first N of them only
    jobs: int = 0  # trials side by side; 0: one a core
    gpu: float = 0.0  # share of a GPU for each trial, say 0.1; 0: none
    name: str = "sweep"  # folder of the results; the same name goes on
    json: bool = False  # print all trials as JSON


def space(tune: Any, seeds: int) -> dict[str, Any]:
    """What a recipe is drawn from."""
    return {
        "peak": tune.loguniform(0.006, 0.03),
        "decay": tune.loguniform(0.003, 0.1),
        "ema": tune.choice([0.996, 0.998, 0.999]),
        "degrees": tune.uniform(3.0, 10.0),
        "scale": tune.uniform(0.03, 0.12),
        "shear": tune.uniform(0.0, 0.15),
        "shift": tune.uniform(0.5, 1.5),
        "seed": tune.grid_search(list(range(seeds))),
    }


def trial(drawn: dict[str, Any], config: Config) -> None:
    """One run on 55,000 images, reported and kept after each epoch."""
    from ray import tune

    torch.set_num_threads(1)
    images = data.load()
    fit, held = data.split(images.train_labels)
    fit = fit[: config.images]
    torch.manual_seed(drawn["seed"])
    trainer = Trainer(
        models.build(config.model),
        images.train_images[fit],
        images.train_labels[fit],
        recipe_of(drawn, config),
        drawn["seed"],
        device="cuda" if config.gpu else "cpu",
    )
    kept = tune.get_checkpoint()
    if kept is not None:
        with kept.as_directory() as folder:
            trainer.restore(checkpoint.read(Path(folder) / "trial.pt"))
    while trainer.epoch < config.epochs:
        trainer.run_epoch()
        model = models.build(config.model)
        model.load_state_dict(trainer.weights())
        seen = evaluate(model, images.train_images[held], images.train_labels[held])
        figures = {"loss": loss(seen, 1.0), "accuracy": seen.accuracy}
        with tempfile.TemporaryDirectory() as temporary:
            checkpoint.write_atomically(Path(temporary) / "trial.pt", trainer.state())
            stored = tune.Checkpoint.from_directory(temporary)
            tune.report({**figures, "epoch": trainer.epoch}, checkpoint=stored)


def recipe_of(drawn: dict[str, Any], config: Config) -> Recipe:
    """The model's own, with what was drawn in its place."""
    names = ("degrees", "scale", "shear", "shift")
    affine = Affine(**{name: drawn[name] for name in names})
    base = recipe(config.model, config.epochs, teacher=False)  # a node has none
    rest = {name: drawn[name] for name in ("peak", "decay", "ema")}
    return replace(base, affine=affine, **rest)


def sweep(config: Config) -> list[dict[str, Any]]:
    """Run, or go on with, a sweep; one row a trial, the least loss first."""
    models.build(config.model)  # an unknown name fails here, not in every trial
    resources_of(config)
    if not os.environ.get("RAY_ADDRESS"):  # a cluster's nodes may have what we lack
        check_device("cuda" if config.gpu else "cpu")
    try:
        import ray
        from ray import tune
        from ray.tune.schedulers import ASHAScheduler
    except ImportError as error:
        raise Esp8kError(
            "Ray Tune is not installed", "run: .venv/bin/pip install -e '.[sweep]'"
        ) from error
    ray.init(log_to_driver=False, **place_of(config))
    scheduler = ASHAScheduler("epoch", max_t=config.epochs, grace_period=2)
    tuner = tuner_of(tune, scheduler, config)
    with contextlib.redirect_stdout(sys.stderr):  # Tune's progress is no result
        results = tuner.fit()
    ray.shutdown()
    rows = [
        {**r.config, **{k: r.metrics[k] for k in ("epoch", "loss", "accuracy")}}
        for r in results
        if r.metrics and "loss" in r.metrics
    ]
    return sorted(rows, key=lambda row: (-row["epoch"], row["loss"]))


def tuner_of(tune: Any, scheduler: Any, config: Config) -> Any:
    """That of the sweep's name, to go on with, or a new one."""
    storage = os.environ.get("SWEEP_STORAGE", str(build_root().resolve() / "sweeps"))
    work = tune.with_resources(
        tune.with_parameters(trial, config=config), resources_of(config)
    )
    path = f"{storage}/{config.name}"
    if tune.Tuner.can_restore(path):
        return tune.Tuner.restore(path, work, resume_errored=True)
    return tune.Tuner(
        work,
        param_space=space(tune, config.seeds),
        tune_config=tune.TuneConfig(
            metric="loss", mode="min", num_samples=config.trials, scheduler=scheduler
        ),
        run_config=tune.RunConfig(name=config.name, storage_path=storage),
    )


def place_of(config: Config) -> dict[str, Any]:
    """A Ray of our own, or the cluster of RAY_ADDRESS, which is sent our sources."""
    if os.environ.get("RAY_ADDRESS"):
        kept_here = [".git", ".venv", "build", "firmware", "tests"]
        sources = {"working_dir": str(ROOT), "excludes": kept_here}
        return {"runtime_env": sources}
    cores = config.jobs or os.cpu_count() or 1
    # "local": else a cluster that somebody has left or lost on this computer is tried.
    return {"address": "local", "num_cpus": cores, "include_dashboard": False}


def resources_of(config: Config) -> dict[str, float]:
    """What Ray keeps for one trial: 1 / share of them run on a GPU at a time."""
    if not 0 <= config.gpu <= 1:
        raise Esp8kError(f"a trial cannot have {config.gpu} GPUs", "--gpu 0 to 1")
    return {"cpu": 1, "gpu": config.gpu} if config.gpu else {"cpu": 1}


def main(argv: Sequence[str] | None = None) -> None:
    """Sweep, print the table, and keep it as JSON."""
    config = parse(Config, argv, "sweep", __doc__ or "")
    rows = sweep(config)
    if not rows:
        raise Esp8kError("no trial finished an epoch", "see the messages above")
    target = build_root() / "sweeps" / f"{config.name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_json(target, rows)
    if config.json:
        print(for_json({"best": rows[0], "table": str(target), "trials": rows}))
        return
    columns = list(rows[0])
    print(" ".join(f"{name:>9}" for name in columns))
    for row in rows:
        print(" ".join(f"{row[name]:>9.4g}" for name in columns))
    print(f"the best first; kept in {target}")


if __name__ == "__main__":
    run(main)
