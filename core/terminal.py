"""Draw in a terminal: a digit in half blocks, numbers as small bars.

Works without colour, in pipes and where the encoding is plain ASCII. Two pixels share
one character cell, so 28x28 pixels take 28 columns and 14 lines.
"""

import os
from typing import TextIO

import numpy as np

INK = 96  # a pixel from here on is drawn where there is no grey
EIGHTHS = " ▏▎▍▌▋▊▉█"
HALVES = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
ASCII_HALVES = {(0, 0): " ", (1, 0): "'", (0, 1): ".", (1, 1): "#"}
RESET = "\x1b[0m"


def encoding_of(stream: TextIO) -> str:
    """The stream's encoding; plain ASCII if it does not say."""
    return getattr(stream, "encoding", None) or "ascii"


def has_blocks(encoding: str) -> bool:
    """Whether block characters can be written."""
    try:
        "▀▄█▏›".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def has_colour(stream: TextIO) -> bool:
    """A terminal that was not asked to stay plain (https://no-color.org)."""
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM", "dumb") == "dumb"
    return stream.isatty() and not plain


def digit_lines(pixels: np.ndarray, encoding: str, colour: bool = False) -> list[str]:
    """An image (H, W) uint8, light on dark, as H/2 lines of W characters."""
    if len(pixels) % 2:
        pixels = np.vstack([pixels, np.zeros_like(pixels[:1])])
    pairs = zip(pixels[::2].tolist(), pixels[1::2].tolist(), strict=True)
    if colour and has_blocks(encoding):
        return [_grey_line(upper, lower) for upper, lower in pairs]
    cells = HALVES if has_blocks(encoding) else ASCII_HALVES
    return [
        "".join(
            cells[int(a >= INK), int(b >= INK)]
            for a, b in zip(upper, lower, strict=True)
        )
        for upper, lower in pairs
    ]


def _grey_line(upper: list[int], lower: list[int]) -> str:
    """Half blocks whose two halves carry their own grey out of the 256 colours."""
    cells = (
        f"\x1b[38;5;{_grey(a)}m\x1b[48;5;{_grey(b)}m▀"
        for a, b in zip(upper, lower, strict=True)
    )
    return "".join(cells) + RESET


def _grey(value: int) -> int:
    """The nearest of the 24 greys that every 256-colour terminal has."""
    return 232 + round(value * 23 / 255)


def bar(share: float, width: int, encoding: str) -> str:
    """A bar of `share` (0..1) of `width` characters, padded to that width.

    A share that is not quite nothing still shows as the thinnest bar.
    """
    share = min(max(share, 0.0), 1.0)
    if not has_blocks(encoding):
        return ("#" * round(share * width)).ljust(width)
    eighths = round(share * width * 8)
    if eighths == 0 and share >= 0.001:
        eighths = 1
    full, rest = divmod(eighths, 8)
    return (EIGHTHS[8] * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def bold(text: str, colour: bool) -> str:
    """`text`, bold where there is colour."""
    return f"\x1b[1m{text}{RESET}" if colour else text


def beside(left: list[str], right: list[str], width: int, gap: int = 3) -> list[str]:
    """Two blocks of lines next to each other; `width` is what `left` occupies."""
    lines = []
    for i in range(max(len(left), len(right))):
        first = left[i] if i < len(left) else " " * width
        second = right[i] if i < len(right) else ""
        lines.append((first + " " * gap + second).rstrip())
    return lines
