"""Connected pieces of ink as candidates for a digit: measured and scored."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from core.placing import Box

Array = np.ndarray

FAINTEST = 0.03  # contrast of the faintest ink, of the paper's brightness
NOISE_RATIO = 4.0  # ink stands out of the noise by this factor
SMALLEST = 0.025  # of the longer side: a piece below this is a speck
RING_PX = 5  # pixels around a piece in which its paper is measured
RIM_PX = 2  # pixels from the picture's end that count as touching it
CONTACT = 0.3  # of a piece's extent: a stroke that runs out of the picture is no wider
DARK_TIP = 0.6  # of the piece's contrast: its stroke is as dark where it runs out
CLIPPED = 0.8  # what such a piece is worth
EXTENT_POWER = 0.75  # how much size counts beside contrast
RIM_LEAST = 0.035  # score below which a piece at the rim is where the light ends
SOFT_FROM = 4  # rings: strokes so wide may be light instead of ink
SOFT_PX = 11  # pixels, twice over, in which the edge of a wide stroke is dark
MOST = 60  # pieces a level, the largest: the rest are specks


@dataclass(frozen=True)
class Piece:
    """One connected piece of ink at one level."""

    own: Array  # uint8 (box), 1 where it is
    box: Box
    contrast: float  # against the ring around it, of 1
    level: float  # darkness at which the picture was cut
    light: float  # grey level of the paper around it, 0..255
    rim: bool  # touches the picture's end, and not only by a stroke's tip
    straight: bool  # a line as of a ruler, or an upright 1
    stroke: float  # pixels: the widest stroke
    score: float  # how much of a digit it looks like

    @property
    def extent(self) -> int:
        """Pixels of the longer side."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


def pieces(
    dark: Array, rgb: Array, levels: tuple[float, ...], noise: float
) -> Iterator[Piece]:
    """Every connected piece at every level that is no speck and no noise."""
    smallest = max(4, SMALLEST * max(dark.shape))
    need = max(FAINTEST, NOISE_RATIO * noise)
    for level in levels:
        labels, boxes, areas = components(dark > level)
        extents = (boxes[:, 2:] - boxes[:, :2]).max(1)
        extents[0] = 0
        order = np.argsort(-extents, kind="stable")[:MOST]
        for i in order[extents[order] >= smallest].tolist():
            top, left, bottom, right = boxes[i].tolist()
            box = (top, left, bottom, right)
            piece = measure(dark, rgb, labels, i, box, int(areas[i]), level)
            if piece.contrast >= need and piece.score > (RIM_LEAST if piece.rim else 0):
                yield piece


def components(cut: Array) -> tuple[Array, Array, Array]:
    """Labels (H, W), boxes (count, 4) and pixels (count,); row 0, the paper, is void.

    OpenCV's own statistics say the same, but pass over the paper too: five times the
    time on a page.
    """
    count, labels = cv2.connectedComponents(
        cut.view(np.uint8),
        connectivity=8,
        ltype=cv2.CV_16U if cut.size < 2**17 else cv2.CV_32S,
    )
    at = np.flatnonzero(cut)  # rising, so that the last assigned is the lowest
    own = labels.ravel()[at].astype(np.int64)
    first, last, left, right = np.zeros((4, count), np.int64)
    first[own[::-1]], last[own] = at[::-1], at
    width = cut.shape[1]
    columns, left[:] = at % width, width
    np.minimum.at(left, own, columns)
    np.maximum.at(right, own, columns)
    boxes = np.stack([first // width, left, last // width + 1, right + 1], 1)
    return labels, boxes, np.bincount(own, minlength=count)


def measure(
    dark: Array, rgb: Array, labels: Array, i: int, box: Box, area: int, level: float
) -> Piece:
    """How piece `i` of the labels stands out of its surroundings, and its shape."""
    height, width = dark.shape
    top, left, bottom, right = box
    y0, x0 = max(0, top - RING_PX), max(0, left - RING_PX)
    y1, x1 = min(height, bottom + RING_PX), min(width, right + RING_PX)
    part = labels[y0:y1, x0:x1]
    own = (part == i).astype(np.uint8)
    ring = paper_beside(own, part)
    values = dark[y0:y1, x0:x1]
    (core, hue), (bare, paper) = levels(own, ring, values, rgb[y0:y1, x0:x1])
    contrast = core - bare
    extent = max(bottom - top, right - left)
    wide, narrow = sides(own)
    score = max(0.0, contrast) ** 0.5 * (extent / max(height, width)) ** EXTENT_POWER
    straight = wide > 10 * narrow
    inner = own[top - y0 : bottom - y0, left - x0 : right - x0]
    rim = touches(box, height, width)
    score *= 0.6 if straight else 1.0
    stroke = stroke_of(own)
    own_dark = dark[top:bottom, left:right]
    clipped = (
        rim
        and not straight
        and runs_out(inner, own_dark - bare, contrast, box, height, width)
    )
    rim = rim and not clipped
    if stroke > SOFT_FROM * RING_PX and soft(own, values, contrast, bare):
        contrast = 0.0
    score *= solidity(stroke, area, wide, narrow)
    score *= 0.15 if rim else CLIPPED if clipped else 1.0
    score *= surroundings(rgb, box, hue, paper)
    y, x = (top + bottom) / 2 / height - 0.5, (left + right) / 2 / width - 0.5
    score *= 1 - min(0.5, x * x + y * y)
    return Piece(
        inner, box, contrast, level, float(paper.mean()), rim, straight, stroke, score
    )


def paper_beside(own: Array, labels: Array) -> Array:
    """Bare paper up to RING_PX from a piece, but for its own blurred edge; bool."""
    around = cv2.dilate(own, np.ones((2 * RING_PX + 1,) * 2, np.uint8))
    close = cv2.dilate(own, np.ones((5, 5), np.uint8))
    return np.asarray((around > close) & (labels == 0))


def levels(
    own: Array, ring: Array, dark: Array, rgb: Array
) -> tuple[tuple[float, Array], tuple[float, Array]]:
    """Darkness and colour (3,) of a piece, and those of the paper in its ring.

    A piece without any paper around is as dark as its paper: no contrast.
    """
    ink, bare = some(own), some(ring)
    core = float(middle(dark[ink])), middle(rgb[ink])
    if not len(bare[0]):
        return core, (core[0], np.zeros(3))
    return core, (float(middle(dark[bare])), middle(rgb[bare]))


def some(mask: Array) -> tuple[Array, ...]:
    """Rows and columns, (n,) each, of some five hundred of the pixels that are set."""
    at = np.flatnonzero(mask)
    return np.divmod(at[:: max(1, len(at) // 500)], mask.shape[1])


def middle(few: Array) -> Array:
    """The median along the first axis, as floats.

    `np.median` says the same, but takes longer to begin than to end.
    """
    at = len(few) // 2
    return np.asarray(np.partition(few, at, 0)[at], np.float32)


def sides(own: Array) -> tuple[float, float]:
    """Sides of the least rectangle around a piece (H, W): longer, shorter; pixels."""
    rows = np.flatnonzero(own.any(1))  # its two ends in each bound the piece
    left = own[rows].argmax(1)
    right = own.shape[1] - 1 - own[rows, ::-1].argmax(1)
    ends = np.concatenate([[left, rows], [right, rows]], axis=1).T
    size = cv2.minAreaRect(ends.astype(np.int32))[1]
    return max(size) + 1, min(size) + 1


def touches(box: Box, height: int, width: int) -> bool:
    """Whether the box ends at the picture's rim."""
    return (
        min(box[0], box[1]) < RIM_PX
        or box[2] > height - RIM_PX
        or box[3] > width - RIM_PX
    )


def runs_out(
    own: Array, ink: Array, contrast: float, box: Box, height: int, width: int
) -> bool:
    """Whether a piece at the rim touches it once only, by the dark tip of a stroke.

    A page's edge, a table or a finger lies along the rim; a ruled line crosses two, or
    is fainter than what is written on it. `ink` (box): darkness beside the paper's.
    """
    top, left, bottom, right = box
    ends = []
    if top < RIM_PX:
        ends.append((own[0], ink[0]))
    if bottom > height - RIM_PX:
        ends.append((own[-1], ink[-1]))
    if left < RIM_PX:
        ends.append((own[:, 0], ink[:, 0]))
    if right > width - RIM_PX:
        ends.append((own[:, -1], ink[:, -1]))
    if len(ends) != 1:
        return False
    end, values = ends[0]
    at = np.flatnonzero(end)
    long = at[-1] - at[0] + 1
    return bool(
        long < CONTACT * max(own.shape)
        and long <= len(at) + 2
        and np.median(values[at]) > DARK_TIP * contrast
    )


def solidity(stroke: float, area: int, wide: float, narrow: float) -> float:
    """Less than 1 for a blob or a full rectangle: a digit is made of strokes."""
    worth = 1.0
    if stroke > 0.35 * wide:
        worth = 0.5 if stroke < 0.5 * wide else 0.1
    if area > 0.7 * wide * narrow and wide < 3.2 * narrow:
        worth = min(worth, 0.1)
    return worth


def stroke_of(own: Array) -> float:
    """Twice the longest way from ink to bare paper, pixels."""
    padded = cv2.copyMakeBorder(own, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())


def soft(own: Array, values: Array, contrast: float, bare: float) -> bool:
    """Whether a wide piece fades in over many pixels, as light does, unlike ink."""
    inner = cv2.erode(own, np.ones((SOFT_PX,) * 2, np.uint8), borderValue=1)
    edge = values[(own > 0) & (inner == 0)]
    return bool(len(edge) and np.median(edge) - bare < 0.35 * contrast)


def surroundings(rgb: Array, box: Box, core: Array, paper: Array) -> float:
    """Less than 1 where farther out it looks like the piece itself, not like paper.

    So it is with the inside of a stroke of the other colour.
    """
    height, width = rgb.shape[:2]
    by = max(6, int(0.3 * max(box[2] - box[0], box[3] - box[1])))
    y0, x0 = max(0, box[0] - by), max(0, box[1] - by)
    y1, x1 = min(height, box[2] + by) - 1, min(width, box[3] + by) - 1
    outline = np.concatenate(
        [rgb[y0, x0:x1], rgb[y1, x0:x1], rgb[y0:y1, x0], rgb[y0:y1, x1]]
    ).astype(np.float32)
    to_itself = np.abs(outline - core).sum(1)
    return float(1 - 0.9 * (to_itself < np.abs(outline - paper).sum(1)).mean())
