"""Sure, unsure, or no digit: a decision in integers beside the class.

    doubt = Doubt.of(json.loads(text))
    doubt.decide(images, sixteenths(logits))        # SURE, UNSURE, NO_DIGIT of each

`training.doubt` fits it, `export.emit.decide` writes it in C; this is what it computes,
the same on host and device.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray

SURE, UNSURE, NO_DIGIT = 0, 1, 2
WORDS = ("sure", "unsure", "no digit")
UNIT = 16  # logits are taken in sixteenths
TOP = 511  # largest input, of either sign
FARTHEST = 32767  # sixteenths that a real logit reaches, of either sign
INPUTS, HIDDEN = 80, 32
SCALARS = ("shift", "second_bias", "sure_from", "digit_from", "margin_from")
INKED = 128  # a pixel that bright is ink, where shape alone is looked at


@dataclass(frozen=True)
class Doubt:
    """The integers of the decision."""

    weights_hash: str  # of the model that it belongs to
    first: tuple[tuple[int, ...], ...]  # (HIDDEN, INPUTS), -127..127
    first_bias: tuple[int, ...]  # (HIDDEN,)
    shift: int  # right shift of the hidden layer
    second: tuple[int, ...]  # (HIDDEN,), -127..127
    second_bias: int
    sure_from: int  # least score of "sure"
    digit_from: int  # least score of a digit
    margin_from: int  # least lead of the largest logit, in sixteenths

    @staticmethod
    def of(content: dict[str, Any]) -> "Doubt":
        """From JSON; a ValueError where its layers or numbers are others."""
        if {len(row) for row in content["first"]} != {INPUTS}:
            raise ValueError("inputs")
        if not len(content["first"]) == len(content["second"]) == HIDDEN:
            raise ValueError("hidden")
        first = tuple(tuple(row) for row in content["first"])
        rest = {k: content[k] for k in field_names() if k != "first"}
        for name in ("first_bias", "second"):
            rest[name] = tuple(rest[name])
        numbers = [v for k, v in rest.items() if k in SCALARS]
        numbers += [
            *rest["first_bias"],
            *rest["second"],
            *(v for r in first for v in r),
        ]
        if any(type(v) is not int or abs(v) >= 1 << 31 for v in numbers):
            raise ValueError("numbers")
        bytes_ = (*rest["second"], *(v for r in first for v in r))
        if max(map(abs, bytes_)) > 127 or not isinstance(rest["weights_hash"], str):
            raise ValueError("weights")
        if len(rest["first_bias"]) != HIDDEN or not 0 <= rest["shift"] < 32:
            raise ValueError("hidden")
        return Doubt(first=first, **rest)

    def score(self, images: Array, logits: Array) -> Array:
        """How much like a digit, (N,) int64; logits (N, 10) in sixteenths."""
        x = inputs(images, logits)
        hidden = x @ np.array(self.first, np.int64).T + np.array(self.first_bias)
        hidden = np.minimum(np.maximum(hidden, 0) >> self.shift, 32767)
        return np.asarray(hidden @ np.array(self.second, np.int64) + self.second_bias)

    def decide(self, images: Array, logits: Array) -> Array:
        """SURE, UNSURE or NO_DIGIT of (N, 28, 28) and their logits in sixteenths."""
        score = self.score(images, logits)
        ordered = np.sort(logits.astype(np.int64), 1)
        close = ordered[:, -1] - ordered[:, -2] < self.margin_from
        found = np.where((score < self.sure_from) | close, UNSURE, SURE)
        return np.asarray(np.where(score < self.digit_from, NO_DIGIT, found))


def field_names() -> list[str]:
    """The names of the fields."""
    return list(Doubt.__dataclass_fields__)


# ---- inputs ----


def sixteenths(logits: Array) -> Array:
    """Real logits, of any shape, in int64: cut towards zero, as on the device."""
    scaled = np.asarray(logits, np.float32) * np.float32(UNIT)
    return np.asarray(np.trunc(np.clip(scaled, -FARTHEST, FARTHEST)).astype(np.int64))


def inputs(images: Array, logits: Array) -> Array:
    """(N, 80) int64 of (N, 28, 28) uint8 and (N, 10) logits in sixteenths."""
    blocks = images.astype(np.int64).reshape(-1, 7, 4, 7, 4).sum((2, 4)) // 16
    ordered = np.sort(logits, 1)[:, :-4:-1]
    parts = [logits, ordered, blocks.reshape(-1, 49), shape(images)]
    return np.asarray(np.clip(np.concatenate(parts, 1), -TOP, TOP))


def shape(images: Array) -> Array:
    """How the ink hangs together, (N, 18) int64, each scaled to about 500 at most.

    Runs of ink in seven bands of four rows, and of four columns; the Euler number
    (pieces less holes: 1 of a 3, 0 of a 0, -1 of an 8, 3 of a face); squares of 2x2
    pixels with one or three of them inked, and with two that touch at a corner.
    """
    ink = np.pad(images >= INKED, ((0, 0), (1, 1), (1, 1))).astype(np.int64)
    inner = ink[:, 1:-1, 1:-1]
    rows = (inner > ink[:, 1:-1, :-2]).sum(2).reshape(-1, 7, 4).sum(2)
    columns = (inner > ink[:, :-2, 1:-1]).sum(1).reshape(-1, 7, 4).sum(2)
    corners = ink[:, :-1, :-1], ink[:, :-1, 1:], ink[:, 1:, :-1], ink[:, 1:, 1:]
    set_ = sum(corners)
    one, three = (np.asarray(set_ == n).sum((1, 2)) for n in (1, 3))
    across = (np.asarray(set_ == 2) & (corners[0] == corners[3])).sum((1, 2))
    euler = (one - three - 2 * across) // 4  # without a rest
    numbers = np.stack([64 * euler, 8 * one, 8 * three, 16 * across], 1)
    return np.concatenate([16 * rows, 16 * columns, numbers], 1)
