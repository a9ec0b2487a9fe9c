"""A model that goes on from good weights with digits of one's own hand.

    esp8k own digits --model v3          # or: make train OWN=digits
    esp8k own more --model v1 --dataset folder:photos

`digits/` holds a folder a class, named as the class: the pictures that the page's *My
digits* downloads, or photographs, read as those of `training.folder` are. A fifth of
them, drawn by a fixed seed and never trained on, says what was gained; the data set's
test images what was lost. MNIST's models go on from the shipped weights, those of any
other data set from the weights that were trained on it.

Own pictures are few, so each is seen often, every time in another view, among the data
set's at which the model is held to what it said before.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from core import asked
from core.cli import SEEDS, Positional, arg, parse, require_range
from core.errors import Esp8kError
from core.files import check_writable
from core.lock import lock
from core.paths import PRETRAINED, model_dir
from core.program import run
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from training import checkpoint, data
from training.evaluate import evaluate
from training.fit import Trainer
from training.folder import absent, class_folders, files_of, picture
from training.recipes import recipe
from training.schedule import Recipe

HELD_OUT = 5  # one own picture of so many is kept for the figure
OLD = 12_000  # old images a pass, at which nothing may be forgotten
BEFORE = "before-own.pt"  # the weights that further training began with
SHARE = 0.35  # of a pass that own pictures fill
PASSES = 3
PEAK = 0.004  # a fifth of the recipe's: the weights are good already


@dataclass(frozen=True)
class Own:
    """Pictures with labels: (N, 28, 28) uint8 and (N,) uint8."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Gain:
    """Percent right, before and after."""

    own: tuple[float, float]  # of the own pictures that were held out
    old: tuple[float, float]  # of the data set's test images


def read(folder: Path, classes: Sequence[str]) -> Own:
    """Every picture of `folder`/<class>/; names what does not fit."""
    if not folder.is_dir():
        raise absent(folder, "OWN=digits, a folder a class")
    images, labels = [], []
    for place in class_folders(folder):
        if place.name not in classes:
            known = ", ".join(classes)
            raise Esp8kError(f"{place} is no class", f"the classes are: {known}")
        for path in files_of(place):
            images.append(picture(path))
            labels.append(classes.index(place.name))
    if len(images) < HELD_OUT:
        raise Esp8kError(
            f"{folder} holds {len(images)} pictures in folders of classes",
            f"a folder a class ({folder / classes[0]}), at least {HELD_OUT} pictures; "
            "ten to fifty of a class do well",
        )
    return Own(np.stack(images), np.array(labels, np.uint8))


def parted(own: Own, seed: int = 0) -> tuple[Own, Own]:
    """(to learn from, held out), of each class alike."""
    order = np.random.default_rng(seed).permutation(len(own.labels))
    held = np.zeros(len(order), bool)
    for label in np.unique(own.labels):
        mine = order[own.labels[order] == label]
        held[mine[: len(mine) // HELD_OUT]] = True
    return (
        Own(own.images[~held], own.labels[~held]),
        Own(own.images[held], own.labels[held]),
    )


class Before:
    """What the model said before it went on: the teacher of its further training."""

    def __init__(self, model: nn.Module, digest: str) -> None:
        self.model, self.digest = model, digest

    def __call__(self, views: Tensor) -> Tensor:
        """Normalised (N, 1, 28, 28) to logits (N, classes)."""
        with torch.no_grad():
            logits: Tensor = self.model(views)
        return logits

    def record(self) -> dict[str, Any]:
        """What a result says of it."""
        return {"weights": self.digest}


def pass_of(own: Own, old: data.Data, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One pass: own pictures repeated to SHARE of it, the rest drawn from the old.

    uint8 (N, 28, 28), labels (N,), unshuffled. Of a data set smaller than OLD every
    image comes several times.
    """
    random = np.random.default_rng(seed)
    size = len(old.train_labels)
    drawn = np.resize(random.choice(size, min(OLD, size), replace=False), OLD)
    repeats = max(1, round(OLD * SHARE / (1 - SHARE) / len(own.labels)))
    images = np.concatenate([old.train_images[drawn], *[own.images] * repeats])
    labels = np.concatenate([old.train_labels[drawn], *[own.labels] * repeats])
    return images, labels.astype(np.uint8)


def further(base: Recipe) -> Recipe:
    """The model's recipe, gentler: half of the loss is what was said before."""
    return replace(base, epochs=PASSES, peak=PEAK, distill=0.5, soften=2.0)


def go_on(
    point: checkpoint.Checkpoint, own: Own, old: data.Data, seed: int
) -> dict[str, Tensor]:
    """Weights that know `own` as well; deterministic in the seed."""
    torch.manual_seed(seed)
    images, labels = pass_of(own, old, seed)
    chosen = further(recipe(point.model))
    teacher = Before(point.module(), point.weights_hash)
    model = point.module().train()
    trainer = Trainer(model, images, labels, chosen, seed, teacher=teacher)
    while trainer.epoch < chosen.epochs:
        trainer.run_epoch()
    return trainer.weights()


def start(model: str, dataset: str) -> checkpoint.Checkpoint:
    """Good weights to go on from: shipped ones, or those that `dataset` gave.

    Never those of further training: its own pictures would count twice.
    """
    if dataset == "mnist":
        return checkpoint.load(PRETRAINED / f"{model}.pt", model)
    for name in ("model.pt", BEFORE):
        path = model_dir(model) / name
        if path.exists():
            point = checkpoint.load(path, model)
            if point.config.get("dataset") == dataset and "own" not in point.config:
                return point
    raise Esp8kError(
        f"no {model} was trained on {dataset} yet",
        f"first: make train MODEL={model} DATASET={dataset}",
    )


def measure(before: nn.Module, after: nn.Module, held: Own, old: data.Data) -> Gain:
    """What was gained on own pictures, what was lost on the others."""

    def right(model: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
        return evaluate(model, images, labels).accuracy if len(labels) else 0.0

    mine = [right(model, held.images, held.labels) for model in (before, after)]
    theirs = [
        right(model, old.test_images, old.test_labels) for model in (before, after)
    ]
    return Gain((mine[0], mine[1]), (theirs[0], theirs[1]))


@dataclass(frozen=True)
class Config:
    """Options of `esp8k own`."""

    digits: Positional[Annotated[Path, arg(metavar="FOLDER")]]  # of class folders
    model: ModelName = DEFAULT_MODEL  # which network
    dataset: str = "mnist"  # what else it knows and keeps; folder:PATH and others
    seed: int = 0  # of order and views
    json: bool = False  # print the figures as JSON


def main(argv: Sequence[str] | None = None) -> int:
    """Go on from good weights; write the checkpoint; say what it gained."""
    config = parse(Config, argv, "own", __doc__ or "")
    require_range(config, seed=SEEDS)
    torch.set_num_threads(1)
    folder = model_dir(config.model)
    point = start(config.model, config.dataset)
    old = data.of_model(point.config)
    learnt, held = parted(read(config.digits, old.classes))
    check_writable(folder)
    with lock(folder, "own"):
        weights = go_on(point, learnt, old, config.seed)
        path, digest = write(point, weights, config)
    after = checkpoint.load(path, config.model).module()
    gain = measure(point.module(), after, held, old)
    if config.json:
        counts = {"learnt": len(learnt.labels), "held_out": len(held.labels)}
        figures = asdict(gain) | {"dataset": old.name, "weights_hash": digest}
        print(for_json(counts | figures))
        return 0
    print(f"{len(learnt.labels)} own pictures learnt, {len(held.labels)} held out")
    print(f"own, held out: {gain.own[0]:.1f} % before, {gain.own[1]:.1f} % after")
    print(f"{old.name} test:    {gain.old[0]:.2f} % before, {gain.old[1]:.2f} % after")
    print(f"written to {path}, weights {digest[:16]}")
    print(f"now: make export flash MODEL={config.model}")
    return 0


def write(
    point: checkpoint.Checkpoint, weights: dict[str, Tensor], config: Config
) -> tuple[Path, str]:
    """The checkpoint, and beside it the weights that it began with; its hash."""
    folder = model_dir(config.model)
    if config.dataset != "mnist":  # else it is shipped
        kept = point.state_dict, point.config, point.temperature
        checkpoint.save(folder / BEFORE, config.model, *kept)
    mine = {"digits": str(config.digits), "model": config.model, "seed": config.seed}
    told = point.config | {"own": mine | {"before": point.weights_hash}}
    checkpoint.forget_run(folder)
    path = folder / "model.pt"
    asked.note(folder / asked.TRAINED, "own")  # first: never unsaid, if it is killed
    return path, checkpoint.save(path, config.model, weights, told, point.temperature)


if __name__ == "__main__":
    run(main)
