"""Bring a picture of a digit to MNIST's conventions: 28x28 grey, light on dark.

    esp8k image drawing.jpg  # show what the network will see
    esp8k image drawing.jpg --out digit.png
    esp8k image drawing.jpg --out digit.raw  # 28x28 bytes, for a program in C
    esp8k image page.jpg --crop 400,300,200,200  # x,y,width,height

Any size, grey or colour, with or without alpha, dark on light or light on dark, on
paper of any kind and in any light (`core.picture.ink`). What MNIST does, and
therefore what happens here: the digit is scaled into a 20x20 box with its aspect kept,
and that box is put on 28x28 so that the centre of mass lies in the middle.
"""

import re
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from PIL import Image

from core.cli import Positional, arg, parse
from core.errors import Esp8kError
from core.files import replacing
from core.picture.boxes import share_of
from core.picture.ink import MORE, find
from core.picture.opening import matching, open_picture
from core.picture.working_picture import SMALLEST, factor, flatten, working_size
from core.pixels import SIDE
from core.placing import BOX, CENTRE, Box, bounds, place, widen
from core.program import run
from core.saying import say
from core.text import folded, for_json, visible

Array = np.ndarray
Crop = tuple[int, int, int, int]  # x, y, width, height, pixels

NEAR = 80  # pixels at that size: a smaller digit is read once more from nearby
SAME = 0.6  # of what both readings cover that they have in common
FAINT = 0.25  # of full ink: below this nothing bounds a digit
BLANK_CURE = "draw darker, or name the part with the digit: CROP=x,y,width,height"
COLUMNS, GAP = 80, 3  # of a terminal; between a digit and what is said of it
TOO_SMALL = 10  # pixels of the picture: a digit below this cannot be read


@dataclass(frozen=True)
class Digit:
    """One digit of a picture."""

    pixels: Array  # uint8 (28, 28) as in MNIST
    crop: Crop  # where it lies in the picture

    def moved(self, x: int, y: int, by: float = 1.0) -> "Digit":
        """The same in a picture `by` as large, with more at its left and top."""
        left, top, width, height = (round(by * v) for v in self.crop)
        return replace(self, crop=(left + x, top + y, width, height))


@dataclass(frozen=True)
class Reading:
    """What was found in a picture."""

    digits: tuple[Digit, ...]  # from left to right
    main: int  # which of them is the clearest
    left_out: tuple[str, ...]  # what else there was: "ruled lines", "a frame", ...

    @property
    def partial(self) -> bool:
        """Whether there is more of the kind than was read: nothing sure is right."""
        return MORE in self.left_out

    @property
    def pixels(self) -> Array:
        """The clearest digit, uint8 (28, 28)."""
        return self.digits[self.main].pixels

    def json(self) -> dict[str, Any]:
        """For programs: the digits from left to right, rows of pixels 0 to 255."""
        digits = [{"crop": d.crop, "pixels": d.pixels.tolist()} for d in self.digits]
        return {"digits": digits, "main": self.main, "left_out": self.left_out}


@dataclass(frozen=True)
class Config:
    """Options of `esp8k image`."""

    # picture of digits, or a pattern of many
    image: Positional[Annotated[Path, arg(metavar="IMAGE")]]
    out: Path | None = None  # write the 28x28 result here: a .png, or bytes as .raw
    crop: str | None = None  # look at this part alone: x,y,width,height in pixels
    json: bool = False  # print boxes and pixels as JSON, one object a picture


def read(image: Image.Image, name: str, crop: str | None = None) -> Reading:
    """The digits of a picture; an `Esp8kError` where nothing is drawn."""
    offset_x, offset_y = 0, 0
    if crop is not None:
        offset_x, offset_y, width, height = crop_of(crop, image.size)
        box = (offset_x, offset_y, offset_x + width, offset_y + height)
        image = image.crop(box)
    if min(image.size) < SMALLEST:
        width, height = image.size
        raise Esp8kError(f"{name} is only {width}x{height} pixels", "give a larger one")
    colour = flatten(image)
    if is_mnist(colour):
        own = Digit(np.asarray(colour.convert("L")), (0, 0, SIDE, SIDE))
        return Reading((own,), 0, ())
    found = seen(colour)
    if found is None:
        raise Esp8kError(f"nothing is drawn in {name}", BLANK_CURE)
    found = closer(colour, found)
    offset = offset_x, offset_y, image.width / colour.width
    found = replace(found, digits=tuple(digit.moved(*offset) for digit in found.digits))
    require_size(found.digits[found.main], name, image.size)
    return found


def seen(colour: Image.Image) -> Reading | None:
    """What a picture of one size holds; None where nothing is drawn."""
    small = working_size(colour)
    scale = colour.width / small.width
    found = find(np.asarray(small))
    if found is None:
        return None
    digits = []
    for ink, mask in found.digits:
        box = bounds(mask & (ink > FAINT))  # without what was too faint to be shown
        digits.append(Digit(place(widen(ink, box), box), region(box, scale)))
    return Reading(tuple(digits), found.main, found.left_out)


def closer(colour: Image.Image, found: Reading) -> Reading:
    """A single small digit read once more from nearby, where that finds the same.

    Light is evened and noise smoothed by pixels: of a digit of 30 that thickens the
    strokes.
    """
    x, y, width, height = found.digits[found.main].crop
    longer = max(width, height)
    if len(found.digits) > 1 or longer * factor(colour.size) > NEAR:
        return found
    box = (
        max(0, x - longer),
        max(0, y - longer),
        min(colour.width, x + width + longer),
        min(colour.height, y + height + longer),
    )
    near = seen(colour.crop(box))
    if near is None or len(near.digits) > 1:
        return found
    again = near.digits[0].moved(*box[:2])
    if share_of(ends(found.digits[0].crop), ends(again.crop)) < SAME:
        return found
    return replace(found, digits=(again,))


def ends(crop: Crop) -> Box:
    """Top, left, bottom, right of a part of the picture."""
    x, y, width, height = crop
    return y, x, y + height, x + width


def crop_of(text: str, size: tuple[int, int]) -> Crop:
    """x,y,w,h within a picture of that size."""
    match = re.fullmatch(r"(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})", text.strip())
    if match is None:
        raise Esp8kError(f"CROP is {text!r}", "give x,y,width,height in pixels")
    x, y, width, height = (int(v) for v in match.groups())
    if not (width and height and x + width <= size[0] and y + height <= size[1]):
        raise Esp8kError(
            f"CROP={text} is not within the picture",
            f"it has {size[0]}x{size[1]} pixels",
        )
    return x, y, width, height


def region(box: Box, scale: float) -> Crop:
    """A box at working size as a part of the picture, of one pixel at least."""
    top, left, bottom, right = (round(v * scale) for v in box)
    return left, top, max(1, right - left), max(1, bottom - top)


def require_size(digit: Digit, name: str, size: tuple[int, int]) -> None:
    """Refuse what has too few pixels to be read, and say how to come closer."""
    x, y, width, height = digit.crop
    tall = max(width, height)
    if tall < TOO_SMALL and min(size) > 4 * TOO_SMALL:
        raise Esp8kError(
            f"what is drawn in {name} is only {tall} pixels tall: crop closer",
            f"take the picture from nearer by, or name the part with "
            f"CROP={max(0, x - tall)},{max(0, y - tall)},{width + 2 * tall},"
            f"{height + 2 * tall}",
        )


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


def show(name: str, found: Reading) -> None:
    """Each digit as characters, beside them of which file and which part it is."""
    from core.terminal import beside, digit_lines, encoding_of

    for number, digit in enumerate(found.digits):
        picture = digit_lines(digit.pixels, encoding_of(sys.stdout))
        told = [part for fact in facts(name, found, number) for part in wrapped(fact)]
        print("\n".join(beside(picture, told, SIDE, GAP)))


def facts(name: str, found: Reading, number: int) -> list[str]:
    """Of digit `number`: the file, which it is, where it lies, what was left out."""
    count, crop = len(found.digits), ",".join(map(str, found.digits[number].crop))
    best = ", the clearest" if number == found.main else ""
    which = [f"digit {number + 1} of {count}{best}"] if count > 1 else []
    out = [f"left out: {', '.join(found.left_out)}"] if found.left_out else []
    return [name, *which, f"crop {crop}", *out]


def wrapped(fact: str) -> list[str]:
    """Lines of what is left of COLUMNS beside a digit; a path breaks where it must."""
    return textwrap.wrap(visible(fact), COLUMNS - SIDE - GAP, break_on_hyphens=False)


def why(error: Esp8kError, name: str) -> str:
    """What is wrong with a picture, where its name stands before it."""
    return error.message.removeprefix(f"{name} ")


def write(pixels: Array, path: Path) -> None:
    """(28, 28) to a file: row after row where it is called .raw, else as PNG."""
    if path.suffix.lower() == ".raw":
        with replacing(path) as fresh:
            fresh.write_bytes(pixels.tobytes())
        return
    with replacing(path) as fresh:
        Image.fromarray(pixels).save(fresh, format="PNG")


def require_other(out: Path, paths: Sequence[Path]) -> None:
    """Refuse to write what is no picture of ours, or over the one that is read."""
    if out.suffix.lower() not in ("", ".png", ".raw"):
        raise Esp8kError(f"--out {out} is neither .png nor .raw", "name it so")
    if any(out.exists() and path.exists() and out.samefile(path) for path in paths):
        raise Esp8kError(f"--out {out} is the picture itself", "give another name")


def main(argv: Sequence[str] | None = None) -> int:
    """Show the 28x28 images in the terminal and write the clearest if asked."""
    config = parse(Config, argv, "image", __doc__ or "")
    found: Reading | None = None
    paths, told = matching(config.image), []
    if config.out is not None:
        require_other(config.out, paths)
    for path in paths:
        try:
            found = read(open_picture(path), str(path), config.crop)
        except Esp8kError as error:
            if path is paths[-1] and found is None:
                raise
            told.append({"source": str(path), "error": error.message})
            if not config.json:
                refused = visible(f"{path}: {why(error, str(path))}")
                print(folded(refused, sys.stdout, "  "))
            continue
        told.append({"source": str(path), **found.json()})
        if not config.json:
            show(str(path), found)
    if config.json:
        print(for_json(told, None))
    elif len(paths) > 1:
        refusals = sum("error" in one for one in told)
        done = len(paths) - refusals
        print(f"{len(paths)} pictures: {done} read, {refusals} refused")
    if config.out is not None and found is not None:
        write(found.pixels, config.out)
        say(f"wrote {config.out}")
    return 0


if __name__ == "__main__":
    run(main)
