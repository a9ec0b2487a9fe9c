"""Pieces that are no digit but what one stands on: a frame, a circle, a note."""

import cv2
import numpy as np

from core.picture.boxes import contains
from core.picture.pieces import Array, Piece, sides
from core.placing import Box

FRAME_PX = 16  # shorter side of a frame, at least: there is room in it
ON_FRAME = 0.8  # share of a piece's pixels on a frame: it is a part of the frame
RING = 0.5  # share of its box that the hole of a circle around a digit fills
ROUND = 0.75  # shorter side of such a circle's box, of the longer, at least
HELD = 0.2  # of a circle's extent: what is written in it, at least
SAME_INK = 0.7  # of its contrast, at least
AMID = 0.15  # of its extent, at most: from its middle to that of what it holds
SLASH = 4.0  # longer side of what is but a slash through a 0, of the shorter
CELLS = 4  # holes of a table, at least: an 8 has two
CELL = 0.05  # of a table's extent: side of a cell, at least
SHEET_CORE = 0.25  # of a note's extent: strokes are narrower
SHEET = 0.82  # share of a note, and of its least rectangle, that it and its core fill


def is_frame(piece: Piece, others: list[Piece]) -> bool:
    """A box around something: its ink lies along the four sides of its bounds."""
    own = piece.own > 0
    tall, wide = own.shape
    if min(tall, wide) < FRAME_PX:
        return False
    y, x = max(2, int(0.12 * tall)), max(2, int(0.12 * wide))
    for end, length in ((own[:y], wide), (own[-y:], wide)):
        if np.count_nonzero(end.any(0)) < 0.85 * length:
            return False
    for end in (own[:, :x], own[:, -x:]):
        if np.count_nonzero(end.any(1)) < 0.85 * tall:
            return False
    if own[y:-y, x:-x].sum() > 0.1 * own.sum():
        return cells(piece) >= CELLS
    return any(
        contains(piece.box, o.box) and o.extent > 0.15 * piece.extent
        for o in others
        if o is not piece
    )


def is_circle(piece: Piece, others: list[Piece]) -> bool:
    """A ring around something as dark as itself that is no slash or dot of a 0."""
    tall, wide = piece.own.shape
    if min(tall, wide) < max(FRAME_PX, ROUND * max(tall, wide)):
        return False
    if max(holes(piece), default=0.0) < RING * tall * wide:
        return False
    return any(
        contains(piece.box, o.box)
        and o.level == piece.level
        and o.extent > HELD * piece.extent
        and o.contrast > SAME_INK * piece.contrast
        and max(sides(o.own)) < SLASH * min(sides(o.own))
        and amid(o.box, piece.box)
        for o in others
    )


def amid(inner: Box, outer: Box) -> bool:
    """Whether a box lies in the middle of another: a face's mouth does not."""
    apart = [(inner[i] + inner[i + 2] - outer[i] - outer[i + 2]) / 2 for i in (0, 1)]
    return max(map(abs, apart)) < AMID * max(outer[2] - outer[0], outer[3] - outer[1])


def cells(piece: Piece) -> int:
    """How many holes a piece has that are no speck."""
    return sum(area > (CELL * piece.extent) ** 2 for area in holes(piece))


def holes(piece: Piece) -> list[float]:
    """The areas of a piece's holes, pixels."""
    around, tree = cv2.findContours(piece.own, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return [
        cv2.contourArea(one)
        for one, (*_, outer) in zip(around, tree[0], strict=True)
        if outer >= 0
    ]


def is_sheet(piece: Piece) -> bool:
    """Whether a light piece is a note: a full, nearly rectangular surface."""
    around, _ = cv2.findContours(piece.own, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    full = cv2.drawContours(np.zeros_like(piece.own), around, -1, 1, cv2.FILLED)
    side = max(3, int(SHEET_CORE * piece.extent))
    core = cv2.morphologyEx(full, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    area, total = int(core.sum()), int(full.sum())
    if min(area, int(piece.own.sum())) < SHEET * total:  # the ring of a 0 is none
        return False
    wide, narrow = sides(core)
    return area > SHEET * wide * narrow


def lies_on(piece: Piece, mask: Array) -> bool:
    """Whether nearly all of a piece is set in the mask (H, W)."""
    top, left, bottom, right = piece.box
    own = piece.own > 0
    return bool((mask[top:bottom, left:right] & own).sum() > ON_FRAME * own.sum())
