"""A model that goes on from its shipped weights with digits of one's own hand.

    esp8k own digits --model v3          # or: make train OWN=digits

`digits/` holds a folder a class, named as the class, with pictures of 28x28 grey
pixels, light ink on black: what the page's *My digits* downloads, or what `esp8k image
photo.jpg --out digits/7/1.png` makes of a photograph. A fifth of them, drawn by a fixed
seed and never trained on, says what was gained; MNIST's test images what was lost.

Own pictures are few, so each is seen often, every time in another view, among MNIST
images at which the model is held to what it said before.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from core.cli import Positional, parse
from core.errors import Esp8kError
from core.files import check_writable
from core.lock import lock
from core.paths import ROOT, model_dir
from core.program import run
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from training import checkpoint, data
from training.evaluate import evaluate
from training.fit import Trainer
from training.recipes import recipe
from training.schedule import Recipe

SIDE = 28
FORMATS = ("PNG", "BMP", "PPM", "TIFF")  # without loss, as the page keeps them
HELD_OUT = 5  # one own picture of so many is kept for the figure
OLD = 12_000  # MNIST images a pass, at which nothing may be forgotten
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
        raise Esp8kError(f"there is no folder {folder}", "OWN=digits, a folder a class")
    images, labels = [], []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        if place.name not in classes:
            known = ", ".join(classes)
            raise Esp8kError(f"{place} is no class", f"the classes are: {known}")
        for path in sorted(file for file in place.iterdir() if file.is_file()):
            images.append(_picture(path))
            labels.append(classes.index(place.name))
    if len(images) < HELD_OUT:
        raise Esp8kError(
            f"{folder} holds {len(images)} pictures",
            f"at least {HELD_OUT}; ten to fifty of a class do well",
        )
    return Own(np.stack(images), np.array(labels, np.uint8))


def _picture(path: Path) -> np.ndarray:
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.size != (SIDE, SIDE):
                width, height = image.size
                raise Esp8kError(
                    f"{path} has {width}x{height} pixels, not {SIDE}x{SIDE}",
                    f"bring it to MNIST's conventions: esp8k image {path} --out ...",
                )
            return np.asarray(image.convert("L"), np.uint8)
    except Esp8kError:
        raise
    except Exception as error:  # PIL's parsers raise anything on damaged files
        raise Esp8kError(
            f"{path} is no picture that can be read", f"one of: {', '.join(FORMATS)}"
        ) from error


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
        """Normalised (N, 1, 28, 28) to logits (N, 10)."""
        with torch.no_grad():
            logits: Tensor = self.model(views)
        return logits

    def record(self) -> dict[str, Any]:
        """What a result says of it."""
        return {"weights": self.digest}


def pass_of(own: Own, old: data.Data, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One pass: own pictures repeated to SHARE of it, the rest drawn from the old."""
    random = np.random.default_rng(seed)
    count = min(OLD, len(old.train_labels))
    drawn = random.choice(len(old.train_labels), count, replace=False)
    repeats = max(1, round(count * SHARE / (1 - SHARE) / len(own.labels)))
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

    digits: Positional[Path]  # a folder a class, 28x28 grey pictures in each
    model: ModelName = DEFAULT_MODEL  # which network
    seed: int = 0  # of order and views
    json: bool = False  # print the figures as JSON


def main(argv: Sequence[str] | None = None) -> int:
    """Go on from the shipped weights; write the checkpoint; say what it gained."""
    config = parse(Config, argv, "own", __doc__ or "")
    torch.set_num_threads(1)
    folder = model_dir(config.model)
    shipped = ROOT / "training" / "pretrained" / f"{config.model}.pt"
    point = checkpoint.load(shipped, config.model)
    old = data.of_model(point.config)
    learnt, held = parted(read(config.digits, old.classes))
    check_writable(folder)
    with lock(folder, "own"):
        weights = go_on(point, learnt, old, config.seed)
        mine = {"digits": str(config.digits), "model": config.model}
        told = point.config | {"own": mine | {"seed": config.seed}}
        path = folder / "model.pt"
        checkpoint.forget_run(folder)
        digest = checkpoint.save(path, config.model, weights, told, point.temperature)
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
    print(f"written to {path}, weights {digest[:16]}; now: make export flash")
    return 0


if __name__ == "__main__":
    run(main)
