"""Train one model and write what a person wants to see of it.

    esp8k train --model v2 --seed 0      # or: make train

Writes to `build/<model>/`: `model.pt`, `metrics.json`, and as pictures the learning
curves, the confusion matrix, what the probabilities are worth and every misclassified
test image. The test accuracy is logged after each epoch; it selects nothing: the last
weights are the result. Until then `unfinished.pt` holds the run as it stood after its
last epoch, for --resume.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core import asked
from core.cli import SEEDS, THREADS, parse, require_range
from core.errors import Esp8kError
from core.files import check_writable, write_json
from core.lock import lock
from core.paths import model_dir
from core.probability import divisor
from core.program import run
from core.saying import say
from core.statistics import wilson_percent
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from training import checkpoint, confidence, data, models, plots
from training.environment import environment
from training.evaluate import Evaluation, evaluate
from training.fit import Trainer
from training.progress import Progress
from training.recipes import TEMPERATURES, recipe
from training.schedule import Recipe
from training.teacher import teacher_for
from training.tensorboard_log import log, open_board

MOST_PEAK = 1_000_000_000  # any such rate diverges, and says so; NaN is none
MOST_IMAGES = 10_000_000  # far more than any of these networks learns from
GO_ON = "the same command with RESUME=1 (esp8k: --resume) goes on"


@dataclass(frozen=True)
class Config:
    """Options of `esp8k train`."""

    model: ModelName = DEFAULT_MODEL  # which network
    seed: int = 0  # of the initial weights, the order and the augmentation
    epochs: int = 5  # passes over the training images
    dataset: str = "mnist"  # mnist, fashion, kmnist, or folder:PATH of class folders
    images: int | None = None  # train on the first N images only
    holdout: bool = False  # leave the 5,000 validation images out, fit on them
    batch: int | None = None  # images a step; the recipe's own when absent
    peak: float | None = None  # highest learning rate, likewise
    teacher: bool = True  # whether a teacher helps, where the recipe has one
    threads: int = 1  # one is fastest for nets this small: more only wait
    plots: bool = True  # whether the pictures are drawn
    tensorboard: bool = False  # also write TensorBoard logs
    resume: bool = False  # go on after the last epoch of an interrupted run
    json: bool = False  # print what metrics.json holds

    def record(self) -> dict[str, Any]:
        """What a checkpoint says of its run: how it is printed is no part of it."""
        return {name: v for name, v in asdict(self).items() if name != "json"}

    def asked(self) -> list[str]:
        """What make asks for, and behind it what only this command can."""
        told = [str(self.seed), str(self.epochs), self.dataset]
        others = ("images", "batch", "peak", "holdout")
        changed = [f"--{name}" for name in others if getattr(self, name)]
        return [*told, "" if self.teacher else "--no-teacher", *changed]


def main(argv: Sequence[str] | None = None) -> None:
    """Train as told by the command line."""
    config = parse(Config, argv, "train", __doc__ or "")
    require_sense(config)
    folder = model_dir(config.model)
    torch.set_num_threads(config.threads)
    check_writable(folder)
    images = data.load(config.dataset)
    with lock(folder, "train"):
        trainer = make_trainer(config, images)
        result = _run(trainer, config, images, folder)
        metrics = _file(trainer, config, images, result, folder)
        (folder / "unfinished.pt").unlink()
    _show(config, metrics, folder)


def require_sense(config: Config) -> None:
    """Refuse what cannot be meant, before any work."""
    require_range(config, seed=SEEDS, images=(1, MOST_IMAGES), peak=(0, MOST_PEAK))
    require_range(config, threads=THREADS)
    alone = recipe(config.model, teacher=False)
    if not config.teacher and alone == recipe(config.model):
        raise Esp8kError(f"{config.model} has no teacher", "leave --no-teacher out")


def _run(
    trainer: Trainer, config: Config, images: data.Data, folder: Path
) -> Evaluation:
    """The passes that are left; after each the run is stored as it stands."""
    unfinished = folder / "unfinished.pt"
    if config.resume and unfinished.exists():
        trainer.restore(checkpoint.read(unfinished))
    elif config.resume:
        say("no unfinished run is there: from the first epoch")
    board = open_board(folder / "tensorboard", config.tensorboard)
    try:
        return _epochs(trainer, config, images, folder, board)
    except KeyboardInterrupt as stop:
        if trainer.epoch:
            stop.add_note(GO_ON)
        raise


def _epochs(
    trainer: Trainer, config: Config, images: data.Data, folder: Path, board: Any | None
) -> Evaluation:
    with Progress(config.model, trainer.recipe.epochs) as progress:
        while trainer.epoch < trainer.recipe.epochs:
            trainer.run_epoch(progress.step)
            # For the curves alone: no test figure selects anything.
            result = _evaluate(trainer, config, images)
            epoch = replace(trainer.history[-1], accuracy=result.accuracy)
            trainer.history[-1] = epoch
            checkpoint.write_atomically(folder / "unfinished.pt", trainer.state())
            progress.epoch(epoch)
            log(board, epoch)
    return _evaluate(trainer, config, images)


def _file(
    trainer: Trainer,
    config: Config,
    images: data.Data,
    result: Evaluation,
    folder: Path,
) -> dict[str, Any]:
    """Checkpoint, metrics and pictures; the metrics."""
    temperature = _temperature(trainer, config, images)
    path, weights = folder / "model.pt", trainer.weights()
    checkpoint.forget_run(folder)
    told = config.record()
    digest = checkpoint.save(path, config.model, weights, told, temperature)
    asked.note(folder / asked.TRAINED, *config.asked())
    metrics = _metrics(config, trainer, result, images, digest)
    metrics["confidence"] = confidence.report(result, temperature)
    write_json(folder / "metrics.json", metrics)
    if config.plots:
        known = data.LABEL_ERRORS if config.dataset == "mnist" else ()
        run = plots.Run(
            title=config.model,
            history=trainer.history,
            recipe=trainer.recipe,
            temperature=divisor(temperature),
            classes=tuple(images.classes),
        )
        plots.draw(folder, run, result, images.test_images, known)
    return metrics


def _show(config: Config, metrics: dict[str, Any], folder: Path) -> None:
    """Two lines for people, or all as JSON."""
    if config.json:
        print(for_json(metrics))
        return
    low, high = metrics["wilson95"]
    print(f"{config.model}: {metrics['accuracy']:.2f} % of the test images", end="")
    print(f" (95 % interval {low:.2f}-{high:.2f})")
    print(f"weights {metrics['weights_hash'][:16]}, written to {folder}")


def make_trainer(config: Config, images: data.Data) -> Trainer:
    """A trainer for fresh weights drawn from the seed."""
    chosen = _recipe(config)
    torch.manual_seed(config.seed)
    classes = len(images.classes)
    model = models.build(config.model, classes)
    part = np.arange(len(images.train_images))
    if config.holdout:
        part, _ = data.split(images.train_labels)
    part = part[: config.images]
    shown = images.train_images[part], images.train_labels[part]
    teacher = teacher_for(chosen, *shown, classes=classes)
    return Trainer(model, *shown, chosen, config.seed, teacher=teacher)


def _recipe(config: Config) -> Recipe:
    chosen = recipe(config.model, config.epochs, config.teacher)
    batch = chosen.batch if config.batch is None else config.batch
    peak = chosen.peak if config.peak is None else config.peak
    return replace(chosen, batch=batch, peak=peak)


def _evaluate(trainer: Trainer, config: Config, images: data.Data) -> Evaluation:
    model = models.build(config.model, len(images.classes))
    model.load_state_dict(trainer.weights())
    return evaluate(model, images.test_images, images.test_labels)


def _temperature(trainer: Trainer, config: Config, images: data.Data) -> float | None:
    """Fitted on the images held out, where some were; else the one on file."""
    if not config.holdout:
        return TEMPERATURES.get(config.model) if config.dataset == "mnist" else None
    _, held = data.split(images.train_labels)
    model = models.build(config.model, len(images.classes))
    model.load_state_dict(trainer.weights())
    seen = evaluate(model, images.train_images[held], images.train_labels[held])
    fitted = confidence.fit_temperature(seen)
    say(f"validation: {seen.accuracy:.2f} %, temperature {fitted:.3f}")
    return fitted


def _metrics(
    config: Config,
    trainer: Trainer,
    result: Evaluation,
    images: data.Data,
    digest: str,
) -> dict[str, Any]:
    """Everything that one needs to say how these weights came about."""
    count = len(result.labels)
    low, high = wilson_percent(count - len(result.wrong), count)
    return {
        "model": config.model,
        "dataset": config.dataset,
        "seed": config.seed,
        "config": config.record(),
        "recipe": trainer.recipe.record(),
        "engine": trainer.engine,
        "teacher": trainer.teacher.record() if trainer.teacher else None,
        "parameters": models.parameters(trainer.model),
        "macs": models.macs(trainer.model),
        "accuracy": round(result.accuracy, 4),
        "wilson95": [round(low, 4), round(high, 4)],
        "wrong": len(result.wrong),
        "history": [asdict(epoch) for epoch in trainer.history],
        "weights_hash": digest,
        "data_hash": images.hash,
        **environment(),
    }


if __name__ == "__main__":
    run(main)
