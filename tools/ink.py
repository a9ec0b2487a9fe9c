"""Find the ink of a drawn digit in a picture, and tell it from all else in there.

    found = find(rgb)       # None: nothing is drawn
    found.ink               # 0..1 (H, W), the digit alone
    found.left_out          # what else there was, in words

The light is taken out first: a grey closing (an opening for chalk) with a window wider
than a stroke gives the paper, and ink is what the paper lacks of its light. Lines from
rim to rim are erased. The rest is cut at several levels of darkness (`tools.pieces`);
every connected piece at every level is a candidate, and the one with the strongest and
largest outline that looks like strokes is the digit. OpenCV does the work on pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from tools.lines import erase_lines
from tools.pieces import Piece, group, is_frame, pieces

Array = np.ndarray

WINDOWS = (0.2, 0.09, 0.045)  # of the longer side; wider than strokes, or than folds
LEVELS = (0.03, 0.045, 0.07, 0.1, 0.15, 0.22, 0.32, 0.45, 0.6)  # darkness, of 1
LINE_LEVELS = 4  # levels, from the lowest, at which ruled lines are sought
NOISE_LEVEL = 2.0  # the lowest level is that many times the noise
LIFT = 12  # grey levels added to both sides of a ratio: the dark is noisy
COLOUR = 0.85  # what one colour counts beside grey: it is noisier
CHALK = 0.7  # light ink must be that much clearer than dark ink
ERASED = 0.85  # a digit between erased lines is worth less than one beside lines
FRAMES = 40  # best candidates among which frames are sought


@dataclass(frozen=True)
class Found:
    """The digit, and what was told from it."""

    ink: Array  # float64 (H, W), 0..1, of the digit alone
    mask: Array  # bool (H, W)
    left_out: tuple[str, ...]  # "ruled lines", "a frame", ...
    score: float  # how clear it is; to compare with other ways to read the picture


def find(rgb: Array) -> Found | None:
    """The digit in a picture of working size, uint8 (H, W, 3)."""
    smooth = cv2.GaussianBlur(rgb, (0, 0), 1.0)
    best: Found | None = None
    for chalk in (False, True):
        for share in WINDOWS:
            for found in readings(smooth, chalk, share):
                if best is None or found.score > best.score:
                    best = found
    return best


def readings(smooth: Array, chalk: bool, share: float) -> list[Found]:
    """The digit with the ruled lines, if there are any, left in and erased."""
    dark = darkness(smooth, chalk, share)
    paper, noise = noise_of(dark)
    levels = tuple(paper + level for level in LEVELS if level > NOISE_LEVEL * noise)
    grey = cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY)
    found = [choose(dark, grey, levels, paper, noise, chalk, ())]
    erased = dark
    for level in levels[:LINE_LEVELS]:
        erased = erase_lines(erased, level, paper)
    if erased is not dark:
        found.append(choose(erased, grey, levels, paper, noise, chalk, ("ruled lines",)))
    return [f for f in found if f is not None]


def darkness(smooth: Array, chalk: bool, share: float) -> Array:
    """What every pixel lacks of its paper's light (H, W); chalk: what it has more."""
    side = int(share * max(smooth.shape[:2])) | 1
    window = np.ones((side, side), np.uint8)
    planes = [cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY), *cv2.split(smooth)]
    lack: Array | None = None
    for plane in planes:
        if chalk:
            light = plane
            less = cv2.morphologyEx(plane, cv2.MORPH_OPEN, window)
        else:
            light = cv2.morphologyEx(plane, cv2.MORPH_CLOSE, window)
            less = plane
        weight = 1.0 if lack is None else COLOUR
        own = cv2.divide(
            cv2.subtract(light, less), cv2.add(light, LIFT), None, weight, cv2.CV_32F
        )
        lack = own if lack is None else cv2.max(lack, own)
    return np.asarray(lack)


def noise_of(dark: Array) -> tuple[float, float]:
    """Level and spread of the bare paper."""
    few = dark[::2, ::2]
    fine = few - cv2.GaussianBlur(dark, (0, 0), 3)[::2, ::2]
    spread = float(np.median(np.abs(fine - np.median(fine))))
    return float(np.median(few)), 1.4826 * spread


def choose(
    dark: Array, grey: Array, levels: tuple[float, ...], paper: float, noise: float,
    chalk: bool, left_out: tuple[str, ...],
) -> Found | None:  # fmt: skip
    """The best candidate at any level, with the pieces that belong to it."""
    bright = float(np.percentile(grey[::2, ::2], 90)) + 1

    def clear(piece: Piece) -> float:
        """A page is the brightest thing around, a board the darkest."""
        if chalk:
            return piece.score * CHALK * (1 - piece.light / 256)
        return piece.score * min(1.0, piece.light / bright) ** 0.7

    found = sorted(pieces(dark, grey, levels, noise), key=clear, reverse=True)
    frames = [p for p in found[:FRAMES] if is_frame(p, found)]
    rest = [p for p in found if not any(p is f for f in frames)]
    if not rest:
        return None
    if frames:
        left_out = (*left_out, "a frame")
    mask = group(rest[0], rest, dark.shape)
    return Found(render(dark, mask, paper), mask, left_out, clear(rest[0]))


def render(dark: Array, mask: Array, paper: float) -> Array:
    """Ink 0..1: full where the pieces are darkest, fading within pixels of them."""
    full = float(np.percentile(dark[mask], 75))
    floor = paper + 0.25 * (full - paper)
    ink = np.clip((dark - floor) / max(0.8 * (full - floor), 1e-6), 0, 1)
    near = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    return np.asarray(ink * near, np.float64)
