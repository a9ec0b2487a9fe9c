"""How each model is trained: the numbers that the searches settled on.

Chosen on the 55,000/5,000 split of the training images, never on the test set; what
was tried and did not help stands in `training/README.md`.
"""

from dataclasses import replace
from typing import Any

from training.augment import Affine
from training.schedule import Recipe

_LIGHT = Affine(degrees=6.0, scale=0.06, shear=0.0, shift=1.0)
_WIDE = Affine(degrees=9.0, scale=0.09, shear=0.0, shift=1.3)

_SOAP: dict[str, Any] = {
    "optimizer": "soap",
    "beta2": 0.99,
    "warmup": 0.1,
}
_STEEP = Recipe(batch=128, peak=0.014, descent="linear", affine=_WIDE, **_SOAP)

RECIPES = {
    "v1": Recipe(peak=0.006, affine=_LIGHT),  # no batch norm: a lower rate
    "v2": Recipe(batch=64, peak=0.01, affine=_LIGHT, **_SOAP),
    # With a teacher's hints, which are less noisy than labels, larger steps pay.
    "v3": replace(_STEEP, peak=0.02, distill=0.7, soften=2.0),
    "v3-small": _STEEP,
}
ALONE = RECIPES | {"v3": replace(_STEEP, sharpness=0.07)}  # without a teacher
TEACHER = replace(_STEEP, epochs=10, peak=0.01)  # of training/teacher.py

# What divides the logits for calibrated probabilities: fitted on the 5,000 validation
# images with `esp8k train --holdout`, whose weights never saw them.
TEMPERATURES = {"v1": 1.152, "v2": 1.075, "v3": 1.308, "v3-small": 1.035}


def recipe(model: str, epochs: int | None = None, teacher: bool = True) -> Recipe:
    """The recipe of `model`: with other epochs if given, or without its teacher."""
    chosen = (RECIPES if teacher else ALONE).get(model, Recipe())
    return chosen if epochs is None else replace(chosen, epochs=epochs)
