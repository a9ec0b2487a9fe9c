"""What a decision sure, unsure, no digit is fitted on (`training.doubt.decision`).

    material = Material.draw(data.load())    # 165,000 pictures: most of a minute

The same generator draws the same pictures.
"""

from dataclasses import dataclass

import numpy as np

from core.placing import bounds, place, widen
from training import data
from training.doubt import drawings, nondigits, strokes

Array = np.ndarray


def own_digits(count: int, rng: np.random.Generator) -> Array:
    """Digits of our own strokes, thin and thick, uint8 (N, 28, 28)."""
    out = []
    for i in range(count):
        ink = np.pad(strokes.draw(i % 10, 200, rng.uniform(2, 40), rng), 2)
        box = bounds(ink > 0.2)
        out.append(place(widen(ink, box), box))
    return np.stack(out)


@dataclass(frozen=True)
class Material:
    """What a decision is fitted on; uint8 (N, 28, 28) each."""

    digits: Array
    others: Array
    held: Array  # validation images
    labels: Array  # and their classes

    @staticmethod
    def draw(images: data.Data, seed: int = 0) -> "Material":
        """Training images, digits of other hands, and what is no digit."""
        rng = np.random.default_rng(seed)
        part, held = data.split(images.train_labels)
        fonts = nondigits.fonts()
        digits = [
            images.train_images[part],
            own_digits(4_000, rng),
            nondigits.letters(3_000, rng, fonts, "0123456789"),
        ]
        others = [
            nondigits.letters(24_000, rng, fonts),
            nondigits.scrawls(48_000, rng),
            nondigits.noise(3_000, rng),
            drawings.drawings(24_000, rng),
            drawings.patches(4_000, rng),
        ]
        return Material(
            np.concatenate(digits),
            np.concatenate(others),
            images.train_images[held],
            images.train_labels[held],
        )
