"""Bring a picture of one digit to MNIST's conventions: 28x28 grey, light on dark.

    esp8k image drawing.jpg  # show what the network will see
    esp8k image drawing.jpg --out digit.png

Any size, grey or colour, with or without alpha, dark on light or light on dark,
under uneven light. What MNIST does, and therefore what happens here: the digit is
scaled into a 20x20 box with its aspect kept, and that box is put on 28x28 so that
the centre of mass lies in the middle.

The way: fit a smooth background to the picture's rim and subtract it; the colour in
which the rest differs most is the ink, whatever its sign; drop specks; crop; scale.
"""

import io
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from core.cli import Positional, parse
from core.errors import Esp8kError
from core.program import run
from tools.classify.ink import CURE, find_ink

SIDE = 28  # pixels of an MNIST image
BOX = 20  # the digit's longer side within it
CENTRE = 14  # row and column of the centre of mass: measured, every one in 13.5..14.5
WORK_MIN, WORK_MAX = 112, 160  # longer side, pixels, at which the digit is sought
SMALL_DIGIT = 0.45  # below this share of the picture, look again at a crop
SMALLEST = 6  # pixels: a side below this holds no digit
THIN = 1.6  # pixels of stroke in the 20x20 box; thinner strokes are widened to it


@dataclass(frozen=True)
class Config:
    """Options of `esp8k image`."""

    image: Positional[Path]  # picture of one digit
    out: Path | None = None  # write the 28x28 result here (PNG)


def load(path: Path) -> np.ndarray:
    """The digit in the file as MNIST would hold it, uint8 (28, 28)."""
    return prepare(open_image(path), str(path))


def open_image(path: Path) -> Image.Image:
    """Read and rotate upright; anything that is no image is an `Esp8kError`."""
    if path.is_dir():
        raise Esp8kError(f"{path} is a folder, not an image", CURE)
    if not path.exists():
        raise Esp8kError(f"there is no file {path}", "check the path")
    try:
        with path.open("rb") as file:
            return decode(file, str(path))
    except PermissionError:
        raise Esp8kError(f"{path} cannot be read", "check its rights") from None


def load_stream(stream: IO[bytes], name: str) -> np.ndarray:
    """As `load`, from an open file or bytes in memory."""
    return prepare(decode(stream, name), name)


def decode(stream: IO[bytes], name: str) -> Image.Image:
    """Any picture that PIL knows, upright; every damage is an `Esp8kError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PIL grumbles about damaged tags
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(stream) as image:
                image.draft("RGB", (4 * WORK_MAX, 4 * WORK_MAX))  # JPEG: decode small
                return ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        kind = "not an image" if stream.seek(0, io.SEEK_END) else "an empty file"
        raise Esp8kError(f"{name} is {kind}", CURE) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Esp8kError(f"{name} is far too large", "scale it down") from None
    except Exception as error:  # PIL's parsers raise anything on damaged files
        raise Esp8kError(f"{name} is damaged: {error}", CURE) from None


def prepare(image: Image.Image, name: str = "the image") -> np.ndarray:
    """Any PIL image of one digit -> uint8 (28, 28) as in MNIST."""
    if min(image.size) < SMALLEST:
        width, height = image.size
        raise Esp8kError(f"{name} is only {width}x{height} pixels", CURE)
    colour = flatten(image)
    if is_mnist(colour):
        return np.asarray(colour.convert("L"))
    ink, mask = find_ink(working_size(colour), name)
    box = bounds(mask)
    share = max(box[2] - box[0], box[3] - box[1]) / max(mask.shape)
    if share < SMALL_DIGIT:
        colour = crop(colour, box, mask.shape)
        ink, mask = find_ink(working_size(colour), name)
        box = bounds(mask)
    return place(widen(ink, box), box)


# ---- from file to a colour picture of a useful size ----


def flatten(image: Image.Image) -> Image.Image:
    """To RGB; a transparent background becomes the opposite of the ink."""
    if image.mode in ("I;16", "I", "F"):
        grey = np.asarray(image, np.float64)
        low, high = float(grey.min()), float(grey.max())
        return Image.fromarray(
            np.uint8(255 * (grey - low) / max(high - low, 1e-9))
        ).convert("RGB")
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = np.asarray(image.convert("RGBA"), np.float64)
    alpha = rgba[:, :, 3:] / 255  # (H, W, 1)
    total = float(alpha.sum())
    ink = float((rgba[:, :, :3] * alpha).sum()) / max(3 * total, 1e-9)
    paper = 0.0 if ink > 127 else 255.0
    return Image.fromarray(np.uint8(rgba[:, :, :3] * alpha + paper * (1 - alpha)))


def is_mnist(colour: Image.Image) -> bool:
    """An image that already keeps MNIST's conventions is taken as it is."""
    if colour.size != (SIDE, SIDE):
        return False
    rgb = np.asarray(colour, np.float64)
    grey = rgb[:, :, 0]
    if (rgb != grey[:, :, None]).any() or grey[[0, 0, -1, -1], [0, -1, 0, -1]].any():
        return False
    if grey.max() < 128 or (grey > 0).mean() > 0.6:
        return False
    top, left, bottom, right = bounds(grey > 0)
    ys, xs = np.indices(grey.shape)
    centre = np.array([(grey * ys).sum(), (grey * xs).sum()]) / grey.sum()
    extent = max(bottom - top, right - left)
    return abs(extent - BOX) <= 1 and bool((abs(centre - CENTRE) < 1.1).all())


def working_size(colour: Image.Image) -> Image.Image:
    """Scale so that the longer side lies between WORK_MIN and WORK_MAX."""
    longer = max(colour.size)
    factor = min(max(1.0, WORK_MIN / longer), WORK_MAX / longer)
    if factor == 1:
        return colour
    size = [max(SMALLEST, round(side * factor)) for side in colour.size]
    kind = Image.Resampling.BICUBIC if factor > 1 else Image.Resampling.BOX
    return colour.resize((size[0], size[1]), kind)


def crop(
    colour: Image.Image, box: tuple[int, int, int, int], shape: tuple[int, ...]
) -> Image.Image:
    """The part of the full picture around a box that was found at working size."""
    top, left, bottom, right = box
    scale_y, scale_x = colour.height / shape[0], colour.width / shape[1]
    margin = 0.4 * max((bottom - top) * scale_y, (right - left) * scale_x) + 2
    edges = (
        max(0, int(left * scale_x - margin)),
        max(0, int(top * scale_y - margin)),
        min(colour.width, int(right * scale_x + margin) + 1),
        min(colour.height, int(bottom * scale_y + margin) + 1),
    )
    return colour.crop(edges)


# ---- placement ----


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, bottom, right (exclusive) of what is set."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def widen(ink: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Thicken a stroke that would vanish on the way down to 20 pixels."""
    longer = max(box[2] - box[0], box[3] - box[1])
    solid = ink > 0.5
    edge = solid & ~(np.roll(solid, 1, 0) & np.roll(solid, 1, 1))
    edge |= solid & ~(np.roll(solid, -1, 0) & np.roll(solid, -1, 1))
    if not edge.any():
        return ink
    # A stroke of width w and length l has area w*l and about 2*l edge pixels.
    width = max(1.0, 2 * float(solid.sum()) / float(edge.sum()))
    reach = round((THIN * longer / BOX - width) / 2)
    if reach < 1:
        return ink
    picture = Image.fromarray(np.uint8(255 * ink))
    wide = picture.filter(ImageFilter.MaxFilter(2 * reach + 1))
    return np.asarray(wide, np.float64) / 255


def place(ink: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Scale the box to 20 pixels and centre its mass on 28x28."""
    top, left, bottom, right = box
    scale = BOX / max(bottom - top, right - left)
    height = max(1, round((bottom - top) * scale))
    width = max(1, round((right - left) * scale))
    picture = Image.fromarray(np.float32(255 * ink[top:bottom, left:right]))
    small = np.asarray(picture.resize((width, height), Image.Resampling.BOX))
    small = np.clip(small * (255 / max(float(np.percentile(small, 99)), 64.0)), 0, 255)
    ys, xs = np.indices(small.shape)
    mass = float(small.sum())
    y = round(CENTRE - float((small * ys).sum()) / mass)
    x = round(CENTRE - float((small * xs).sum()) / mass)
    y, x = min(max(y, 0), SIDE - height), min(max(x, 0), SIDE - width)
    out = np.zeros((SIDE, SIDE), np.uint8)
    out[y : y + height, x : x + width] = np.round(small)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Show the 28x28 image in the terminal and write it if asked."""
    from core.terminal import digit_lines, encoding_of

    config = parse(Config, argv, "image", __doc__ or "")
    pixels = load(config.image)
    print("\n".join(digit_lines(pixels, encoding_of(sys.stdout))))
    if config.out is not None:
        Image.fromarray(pixels).save(config.out, format="PNG")
        print(f"wrote {config.out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    run(main)
