"""A recipe: the numbers of one training run, and the cycle of its learning rate."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from core.errors import Esp8kError
from training.augment import Affine

OPTIMIZERS = ("adamw", "soap")
DESCENTS = ("cosine", "linear")


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; `training/recipes.py` holds one for each model."""

    epochs: int = 5  # passes over the training images
    batch: int = 64  # images a step
    peak: float = 0.015  # highest learning rate of the cycle
    warmup: float = 0.25  # share of the steps before the peak
    descent: str = "cosine"  # or "linear": how the rate falls from the peak
    decay: float = 0.01  # weight decay
    optimizer: str = "adamw"  # or "soap", training/soap.py
    beta2: float = 0.999  # decay of the squared gradients
    ema: float = 0.998  # decay of the average of the weights; 0 turns it off
    distill: float = 0.0  # share of the loss that a teacher gives
    soften: float = 2.0  # temperature at which teacher and student are compared
    affine: Affine = field(default_factory=Affine)
    sharpness: float = 0.0  # radius of sharpness-aware steps; 0: plain ones

    def record(self) -> dict[str, Any]:
        """What a result or an interrupted run says of it.

        What is off is left out: a run from before there was such a choice is the same.
        """
        found = asdict(self)
        if not self.sharpness:
            del found["sharpness"]
        return found

    def check(self, images: int) -> None:
        """Refuse what cannot be trained."""
        if images == 0:
            raise Esp8kError("there are no training images", "choose a larger subset")
        if self.epochs < 1:
            raise Esp8kError(f"cannot train {self.epochs} epochs", "--epochs 1 or more")
        for name, known in (("optimizer", OPTIMIZERS), ("descent", DESCENTS)):
            if getattr(self, name) not in known:
                raise Esp8kError(
                    f"no {name} {getattr(self, name)!r}", f"one of {', '.join(known)}"
                )
        if self.batch < 2:
            raise Esp8kError("batch norm needs two images a batch", "--batch 2 or more")


def schedule(step: int, steps: int, recipe: Recipe) -> tuple[float, float]:
    """Learning rate and first beta of one cycle: cosine up, down to nothing.

    The rate goes peak/25 -> peak -> peak/250,000; beta1 goes 0.95 -> 0.85 -> 0.95.
    """

    def between(start: float, end: float, share: float, descent: str) -> float:
        if descent == "cosine":
            share = (1 - math.cos(math.pi * share)) / 2
        return start + (end - start) * share

    peak = recipe.peak
    top = max(recipe.warmup * steps - 1, 1e-9)
    if step <= top:
        way = step / top, "cosine"
        return between(peak / 25, peak, *way), between(0.95, 0.85, *way)
    way = min((step - top) / max(steps - 1 - top, 1e-9), 1.0), recipe.descent
    return between(peak, peak / 250_000, *way), between(0.85, 0.95, *way)
