"""How many frames are read rightly when they are prepared as on the chip.

    esp8k read-frames                    # 300 frames drawn from test images
    esp8k read-frames --folder FOLDER    # pictures and labels.json, by kind

The specification prepares each frame, the network runs in PyTorch: what is judged is
the preparation. Pictures are turned grey and scaled to 320x240 at most. Exit code 1
where fewer than `--least` percent are right.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core import paths
from core.cli import SEEDS, parse, require_range
from core.errors import CheckFailed, Esp8kError
from core.picture import labelled
from core.picture.opening import open_picture
from core.program import run
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from export.reference.prepare import MOST_PIXELS, MOST_SIDE, prepare
from tools import camera_frames
from training import checkpoint, data
from training.evaluate import evaluate

Array = np.ndarray


@dataclass(frozen=True)
class Config:
    """Options of `esp8k read-frames`."""

    model: ModelName = DEFAULT_MODEL  # which network
    count: int = 300  # drawn frames
    seed: int = 0  # of the first one
    folder: Path | None = None  # pictures and labels.json instead
    least: float = 95.0  # percent that must be right
    json: bool = False  # print the counts as JSON


@dataclass(frozen=True)
class Case:
    """A frame with what it shows."""

    kind: str
    frame: Array
    label: int


def drawn(count: int, seed: int) -> Iterator[Case]:
    """Frames drawn from test images."""
    test, rng = data.load(), np.random.default_rng(seed)
    for index in rng.integers(0, len(test.test_images), count).tolist():
        frame = camera_frames.draw(test.test_images[index], rng)
        yield Case("drawn", frame, int(test.test_labels[index]))


def pictures(folder: Path) -> Iterator[Case]:
    """The pictures of a folder that show one digit."""
    for told in sorted(labelled.entries(folder), key=lambda told: told.path):
        if told.label is not None:
            yield Case(told.kind, grey(open_picture(told.path)), told.label)


def grey(picture: Image.Image) -> Array:
    """As a frame of a camera, uint8 (H, W)."""
    upright = picture.convert("L")
    most = MOST_PIXELS // MOST_SIDE
    box = (MOST_SIDE, most) if upright.width >= upright.height else (most, MOST_SIDE)
    upright.thumbnail(box, Image.Resampling.BOX)
    return np.asarray(upright)


def count(cases: list[Case], model: str) -> dict[str, tuple[int, int]]:
    """(right, of) by kind."""
    module = checkpoint.load(paths.checkpoint(model), model).module()
    images = np.stack([prepare(case.frame).pixels for case in cases])
    none = np.zeros(len(images), np.uint8)
    said = evaluate(module, images, none).logits.argmax(1)
    found: dict[str, tuple[int, int]] = {}
    for case, answer in zip(cases, said, strict=True):
        right, of = found.get(case.kind, (0, 0))
        found[case.kind] = right + int(answer == case.label), of + 1
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    config = parse(Config, argv, "read-frames", __doc__ or "")
    require_range(config, count=(1, 100_000), seed=SEEDS, least=(0, 100))
    source = pictures(config.folder) if config.folder else None
    cases = list(source or drawn(config.count, config.seed))
    if not cases:
        raise Esp8kError("no frame to read", "give --count of 1 or more")
    found = count(cases, config.model)
    right, of = (sum(counts[i] for counts in found.values()) for i in (0, 1))
    if config.json:
        print(for_json({"kinds": found, "right": right, "of": of}))
    else:
        for kind, (good, all_) in sorted(found.items()):
            print(f"{kind:20} {good:4} of {all_:4}")
        print(f"{'all':20} {right:4} of {of:4}  {100 * right / of:.1f} %")
    if 100 * right < config.least * of:
        raise CheckFailed(
            f"{right} of {of} frames are read rightly",
            "look at some: export.reference.prepare, or say --least",
        )
    return 0


if __name__ == "__main__":
    run(main)
