"""From a grey frame to the network's 28x28, on the chip: the specification.

    found = prepare(frame)        # (H, W) uint8 -> Prepared: 28x28, box, ink

Integers alone, so that `firmware/components/prepare` has the same bits; all divisions
round down. `export.reference.strokes` does the same for what is drawn by touch.

1. *reduced*: a frame of more than 19,200 pixels is averaged 2x2; no more is ever held.
2. *tiled*: of each tile of 4x4 pixels the brightest and the darkest one.
3. *chosen*: the paper's light is the bright end of the tiles, closed by a window of
   about a quarter of the frame; a tile's ink is what its dark end lacks of it.
   Connected tiles with ink, at four levels, are scored: large, strong, made of
   strokes, not at the rim, no frame. Dark ink and light ink both, weighted by which of
   them is the rarer.
4. *darkened*: each pixel's lack of light, the paper interpolated between tiles.
5. *inked*: that from paper to full ink, in the chosen tiles and softly beside them.
6. *scaled*: its box, area-averaged so that the longer side has 20 pixels; thin strokes
   are widened (`export.reference.prepare_scale`, as is the last step).
7. *placed*: on 28x28, the centre of mass in the middle.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from export.reference.prepare_scale import EDGE, SIDE, Array, Box, scaled

LEAST_SIDE, MOST_SIDE, MOST_PIXELS = 16, 320, 76_800  # of a frame
WORK_PIXELS = 19_200  # held
AUTO, DARK_INK, LIGHT_INK = 0, 1, 2
TILE, BLOCK = 4, 40  # pixels
NONE = -100_000  # below all values
LIFT = 16  # added to the paper's light: the dark is noise
FAINT = 10  # of 255: what ink lacks at least
RIM = 40  # of 255: and at the rim, where light ends
SPREADS = 5  # of the paper's noise: what ink lacks at least
LEVELS = 4  # each half as high as the one before
LEAST_EXTENT, FRAME = 2, 8  # tiles
LIKELY, UNLIKELY = 3, 1  # weights of the kind of ink that is the rarer, and the other
LEAST_SCORE = 60  # below it nothing is drawn


@dataclass(frozen=True)
class Prepared:
    """What was found in a frame."""

    pixels: Array  # uint8 (28, 28), light ink on black; all 0 where nothing is
    found: bool
    light_ink: bool
    box: Box  # of the digit, in pixels of the frame


@dataclass(frozen=True)
class Choice:
    """The chosen tiles."""

    kind: int  # DARK_INK or LIGHT_INK
    light: Array  # of the paper, a tile
    mine: Array  # bool (tiles): the digit's
    other: Array  # bool (tiles): ink that is not
    level: int  # of darkness at which they were found
    score: int


def prepare(frame: Array, ink: int = AUTO) -> Prepared:
    """The digit in a frame of grey pixels, uint8 (H, W)."""
    height, width = frame.shape
    assert min(height, width) >= LEAST_SIDE and max(height, width) <= MOST_SIDE
    assert height * width <= MOST_PIXELS
    step = 1 if height * width <= WORK_PIXELS else 2
    work = reduced(frame, step)
    high, low = tiled(work), 255 - tiled(255 - work)
    rarer = LIGHT_INK if skew(work) > 0 else DARK_INK
    best = None
    for kind in (DARK_INK, LIGHT_INK):
        if ink in (AUTO, kind):
            if kind == LIGHT_INK:
                high, low = 255 - low, 255 - high
            choice = chosen(high, low, kind, LIKELY if kind == rarer else UNLIKELY)
            if choice and (best is None or choice.score > best.score):
                best = choice
    nothing = Prepared(np.zeros((SIDE, SIDE), np.uint8), False, False, (0, 0, 0, 0))
    if best is None:
        return nothing
    light = best.kind == LIGHT_INK
    dark = darkened(255 - work if light else work, best.light)
    found = scaled(inked(dark, best))
    if found is None:
        return nothing
    top, left, bottom, right = (step * v for v in found[1])
    return Prepared(found[0], True, light, (top, left, bottom, right))


# ---- 1: smaller; which kind of ink is the rarer ----


def reduced(frame: Array, step: int) -> Array:
    """int64; of an odd side the last line is left out."""
    wide = frame.astype(np.int64)
    if step == 1:
        return wide
    height, width = frame.shape[0] // 2, frame.shape[1] // 2
    parts = wide[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    return np.asarray((parts.sum((1, 3)) + 2) >> 2)


def skew(work: Array) -> int:
    """Above 0 where the bright pixels are the rarer ones."""
    total = 0
    for top in range(0, work.shape[0], BLOCK):
        for left in range(0, work.shape[1], BLOCK):
            part = work[top : top + BLOCK, left : left + BLOCK]
            mean = (2 * int(part.sum()) + part.size) // (2 * part.size)
            total += int(((part - mean) ** 3 >> 10).sum())
    return total


# ---- 2: tiles, and the light of the paper ----


def tiled(values: Array) -> Array:
    """The largest of each tile of 4x4, of fewer at the right and bottom end."""
    height, width = values.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    padded = np.full((rows * TILE, columns * TILE), -1, values.dtype)
    padded[:height, :width] = values
    return np.asarray(padded.reshape(rows, TILE, columns, TILE).max((1, 3)))


def closed(tiles: Array, reach: int) -> Array:
    """Grey closing by a square; windows end at the frame's."""
    return -most(-most(tiles, reach), reach)


def most(tiles: Array, reach: int) -> Array:
    """The largest within `reach` in both directions."""
    for axis in (0, 1):
        ends = [(reach, reach) if i == axis else (0, 0) for i in (0, 1)]
        padded = np.pad(tiles, ends, constant_values=NONE)
        tiles = sliding_window_view(padded, 2 * reach + 1, axis).max(-1)
    return tiles


def between(tiles: Array, axis: int, count: int) -> tuple[Array, Array, Array]:
    """Along an axis: tiles before and behind each pixel, eighths of the latter."""
    at = 2 * np.arange(count) - (TILE - 1)
    first = at >> 3
    last = tiles.shape[axis] - 1
    return np.clip(first, 0, last), np.clip(first + 1, 0, last), at - 8 * first


def darkened(work: Array, tiles: Array) -> Array:
    """What each pixel lacks of its paper's light, 0..255; `tiles`: that light."""
    above, below, v = between(tiles, 0, work.shape[0])
    rows = tiles[above] * (8 - v)[:, None] + tiles[below] * v[:, None]
    left, right, u = between(tiles, 1, work.shape[1])
    paper = (rows[:, left] * (8 - u) + rows[:, right] * u + 32) >> 6
    return lack(paper, work)


def lack(paper: Array, value: Array) -> Array:
    """0..255, where 255 is black on white."""
    return np.asarray(np.maximum(paper - value, 0) * (65_280 // (paper + LIFT)) >> 8)


# ---- 3: which tiles ----


def quantile(counts: Array, share: int, of: int) -> int:
    """The lowest value with at least share/of of all below it or at it."""
    return int(np.argmax(np.cumsum(counts) * of >= counts.sum() * share))


def chosen(high: Array, low: Array, kind: int, weight: int) -> Choice | None:
    """The best piece of dark ink at any level; None where there is none."""
    reach = max(1, (TILE * max(high.shape) + 16) // 32)
    light = closed(high, reach)
    tiles, best = lack(light, low), None
    counts = np.bincount(tiles.ravel(), minlength=256)
    paper, peak = quantile(counts, 1, 2), int(tiles.max())
    faintest = paper + max(FAINT, SPREADS * (paper - quantile(counts, 5, 32)))
    for halving in range(1, LEVELS + 1):
        level = paper + (peak - paper >> halving)
        if level < faintest and halving > 1:
            break
        level = max(level, faintest)
        labels = connected(tiles > level)
        for piece in np.unique(labels[labels < labels.size]):
            mine = labels == piece
            score = weight * score_of(mine, tiles, paper)
            if score > (best.score if best else LEAST_SCORE):
                other = (labels < labels.size) & ~mine
                best = Choice(kind, light, mine, other, level, score)
    return best


def connected(ink: Array) -> Array:
    """The first tile of each piece, in all its tiles; the number of tiles elsewhere."""
    labels = np.where(ink, np.arange(ink.size).reshape(ink.shape), ink.size)
    while True:
        lower = np.where(ink, -most(-labels, 1), ink.size)
        if (lower == labels).all():
            return labels
        labels = lower


def score_of(mine: Array, tiles: Array, paper: int) -> int:
    """How much a piece of connected tiles looks like a digit; 0: not at all."""
    height, width = mine.shape
    rows, columns = np.flatnonzero(mine.any(1)), np.flatnonzero(mine.any(0))
    top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    tall, wide, count = int(bottom - top), int(right - left), int(mine.sum())
    if max(tall, wide) < LEAST_EXTENT:
        return 0
    strength = int(tiles[mine].sum()) // count - paper
    score = strength * max(tall, wide)
    if top == 0 or left == 0 or bottom == height or right == width:
        score = score >> 5 if strength >= RIM else 0  # around the paper, or less light
    inner = int((-most(-np.pad(mine, 1).astype(int), 1) > 0).sum())
    for _ in range(2):  # a blob: a digit is made of strokes
        score = score * (count - inner) // count
    if min(tall, wide) >= FRAME:
        middle = int(mine[top + 1 : bottom - 1, left + 1 : right - 1].sum())
        if middle * 8 < count:
            score >>= 3  # along the sides of its box: where a frame or a note ends
    return score


# ---- 5: its ink ----


def spread_out(tiles: Array, shape: tuple[int, int]) -> Array:
    """A value a tile as one a pixel."""
    wide = np.repeat(np.repeat(tiles, TILE, 0), TILE, 1)
    return np.asarray(wide[: shape[0], : shape[1]])


def inked(dark: Array, choice: Choice) -> Array:
    """Ink 0..255 at each pixel: above EDGE in the digit's tiles alone."""
    mine, other = (spread_out(t, dark.shape) for t in (choice.mine, choice.other))
    counts = np.bincount(dark[mine & (dark > choice.level)], minlength=256)
    paper = quantile(np.bincount(dark.ravel(), minlength=256), 1, 2)
    above = max(quantile(counts, 3, 4) - paper, 1)
    lit = np.maximum(dark - paper - above // 4, 0) * 408 // above
    most = np.where(mine, 255, np.where(other, 0, EDGE))
    return np.asarray(np.minimum(lit, most))
