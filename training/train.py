"""Train one model and write what a person wants to see of it.

    .venv/bin/python -m training.train --model v2 --seed 0      # or: make train

Writes to `build/<model>/`: `model.pt`, `metrics.json`, and as pictures the learning
curves, the confusion matrix and every misclassified test image. The test accuracy is
logged after each epoch; it selects nothing: the last weights are the result.
"""

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from training import checkpoint, data, models, plots
from training.cli import option, parse
from training.errors import Esp8kError, run
from training.evaluate import Evaluation, evaluate, wilson
from training.fit import Epoch, Recipe, Trainer
from training.paths import ROOT, model_dir
from training.progress import Progress
from training.recipes import recipe


@dataclass(frozen=True)
class Config:
    """Options of `make train`."""

    model: str = option("v2", "which network")
    seed: int = option(0, "of the initial weights, the order and the augmentation")
    epochs: int = option(5, "passes over the training images")
    dataset: str = option("mnist", "which data set", tuple(data.DATASETS))
    subset: int | None = option(None, "train on the first N images only")
    batch: int | None = option(None, "images a step; the recipe's own when absent")
    peak: float | None = option(None, "highest learning rate, likewise")
    threads: int = option(1, "one is fastest for nets this small: more only wait")
    plots: bool = option(True, "draw the pictures")


def main(argv: Sequence[str] | None = None) -> None:
    """Train as told by the command line."""
    config = parse(Config, argv, "training.train", __doc__ or "")
    folder = model_dir(config.model)
    torch.set_num_threads(max(1, config.threads))
    _writable(folder)
    images = data.load(config.dataset)
    trainer = make_trainer(config, images)
    with Progress(config.model, trainer.recipe.epochs) as progress:
        history = [_epoch(trainer, config, images, progress) for _ in _epochs(trainer)]
    result = _evaluate(trainer, config, images)
    digest = checkpoint.save(
        folder / "model.pt", config.model, trainer.weights(), asdict(config)
    )
    metrics = _metrics(config, trainer, history, result, images, digest)
    write_json(folder / "metrics.json", metrics)
    if config.plots:
        plots.draw(
            folder,
            config.model,
            history,
            trainer.recipe,
            result,
            images.test_images,
        )
    low, high = metrics["wilson95"]
    print(f"{config.model}: {result.accuracy:.2f} % of the test images", end="")
    print(f" (95 % interval {low:.2f}-{high:.2f}), weights {digest[:16]}")
    print(f"written to {folder}")


def make_trainer(config: Config, images: data.Data) -> Trainer:
    """A trainer for fresh weights drawn from the seed."""
    chosen = _recipe(config)
    if config.subset is not None and config.subset < 1:
        raise Esp8kError("there are no training images", "--subset 1 or more")
    torch.manual_seed(config.seed)
    model = models.build(config.model)
    part = slice(0, config.subset)
    return Trainer(
        model, images.train_images[part], images.train_labels[part], chosen, config.seed
    )


def _recipe(config: Config) -> Recipe:
    chosen = recipe(config.model, config.epochs)
    batch = chosen.batch if config.batch is None else config.batch
    peak = chosen.peak if config.peak is None else config.peak
    return replace(chosen, batch=batch, peak=peak)


def _epochs(trainer: Trainer) -> range:
    return range(trainer.epoch, trainer.recipe.epochs)


def _epoch(
    trainer: Trainer, config: Config, images: data.Data, progress: Progress
) -> Epoch:
    """One pass, then the test accuracy of the weights so far, for the curves."""
    epoch = trainer.run_epoch(progress.step)
    epoch = replace(epoch, accuracy=_evaluate(trainer, config, images).accuracy)
    progress.epoch(epoch)
    return epoch


def _evaluate(trainer: Trainer, config: Config, images: data.Data) -> Evaluation:
    model = models.build(config.model)
    model.load_state_dict(trainer.weights())
    return evaluate(model, images.test_images, images.test_labels)


def _metrics(
    config: Config,
    trainer: Trainer,
    history: list[Epoch],
    result: Evaluation,
    images: data.Data,
    digest: str,
) -> dict[str, Any]:
    """Everything that one needs to say how these weights came about."""
    count = len(result.labels)
    low, high = wilson(count - len(result.wrong), count)
    return {
        "model": config.model,
        "dataset": config.dataset,
        "seed": config.seed,
        "config": asdict(config),
        "recipe": asdict(trainer.recipe),
        "parameters": models.parameters(trainer.model),
        "macs": models.macs(trainer.model),
        "accuracy": round(result.accuracy, 4),
        "wilson95": [round(low, 4), round(high, 4)],
        "wrong": len(result.wrong),
        "history": [asdict(epoch) for epoch in history],
        "weights_hash": digest,
        "data_hash": images.hash,
        **environment(),
    }


def environment() -> dict[str, Any]:
    """Versions and revision, for the record."""
    packages = ("torch", "torchvision", "numpy")
    return {
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "threads": torch.get_num_threads(),
        "git": _revision(),
    }


def _revision() -> str | None:
    """The commit of this checkout, with `+` when the sources were changed since."""
    git = ["git", "-C", str(ROOT)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "training"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None  # a tarball has no history
    return head + ("+" if changed else "")


def write_json(path: Path, content: Any) -> None:
    """Write JSON beside its place, then rename."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    partial.write_text(json.dumps(content, indent=1) + "\n")
    partial.replace(path)


def _writable(folder: Path) -> None:
    """Find out before the training, not after it, that nothing can be written."""
    probe = folder / f".probe.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(bytes(65_536))
    except OSError as error:
        raise Esp8kError(
            f"cannot write to {folder}: {error.strerror}",
            "free some space, or set ESP8K_BUILD to a folder on another disk",
        ) from error
    finally:
        if folder.is_dir() and probe.exists():
            probe.unlink()


if __name__ == "__main__":
    run(main)
