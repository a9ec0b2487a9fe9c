"""Drawings that are no digit: faces, stars, houses, stick figures, patches of grey.

    uint8 (N, 28, 28) = drawings(100, np.random.default_rng(0))

`LEARNT` teaches a model's doubt (`decision`), `UNKNOWN` is kept from it and says
what it does with drawings of other kinds. `patches` are filled surfaces of uneven grey,
as things look that somebody photographed. A pen is pixels wide, a sheet (140, 140).
"""

from collections.abc import Callable

import cv2
import numpy as np

from core.placing import bounds, place
from training.doubt.nondigits import placed

Array = np.ndarray
Random = np.random.Generator
Kind = Callable[[Array, int, Random], None]

SHEET, MIDDLE = 140, 70  # pixels of its side
LEAST_PX = 400  # of a patch: fewer is a blank


def drawings(count: int, rng: Random, kinds: tuple[Kind, ...] = ()) -> Array:
    """Of these kinds, or of those that are learnt: uint8 (N, 28, 28)."""
    kinds = kinds or LEARNT
    out: list[Array] = []
    while len(out) < count:
        sheet = np.zeros((SHEET, SHEET), np.uint8)
        kinds[int(rng.integers(len(kinds)))](sheet, int(rng.integers(4, 14)), rng)
        placed(sheet, out)
    return np.stack(out)


def patches(count: int, rng: Random) -> Array:
    """Filled shapes of uneven grey, uint8 (N, 28, 28); half of them fill it all."""
    out: list[Array] = []
    while len(out) < count:
        sheet = patch(rng)
        if (sheet > 50).sum() <= LEAST_PX:
            continue
        top, left, bottom, right = box = bounds(sheet > 25)
        if len(out) % 2:
            out.append(place(sheet / 255.0, box))
            continue
        full = cv2.resize(sheet[top:bottom, left:right], (28, 28), None, 0, 0, 3)
        narrow = between(rng, 0, 8)  # columns left free at either side
        full[:, :narrow] = full[:, 28 - narrow :] = 0
        out.append(np.asarray(full * rng.uniform(0.5, 1), np.uint8))
    return np.stack(out)


def patch(rng: Random) -> Array:
    """One of them on a sheet, uint8 (140, 140)."""
    corners = rng.uniform(0.35, 1, 12)
    reach = np.interp(np.arange(72) / 6, np.arange(13), np.append(corners, corners[0]))
    if rng.random() < 0.5:
        reach = np.convolve(np.tile(reach, 3), np.ones(7) / 7, "same")[72:144]
    wide, tall = rng.uniform(25, 60, 2)
    sheet = np.zeros((SHEET, SHEET), np.uint8)
    cv2.fillPoly(sheet, [ring(wide * reach, tall * reach)], 255)
    noise: Array = rng.normal(0, 1, (SHEET, SHEET)).astype(np.float32)
    grey = np.asarray(cv2.GaussianBlur(noise, (0, 0), rng.uniform(2, 14)))
    grey = (grey - grey.min()) / (np.ptp(grey) + 1e-6)
    depth = rng.uniform(0, 0.9)
    return np.asarray(sheet * (1 - depth + depth * grey), np.uint8)


def ring(wide: Array, tall: Array, turned: float = 0.0) -> Array:
    """Points around the middle of a sheet at these distances, int32 (n, 2)."""
    angles = np.arange(len(wide)) * 2 * np.pi / len(wide) + turned
    x, y = MIDDLE + wide * np.cos(angles), MIDDLE + tall * np.sin(angles)
    return np.stack([x, y], 1).astype(np.int32)


def outlined(sheet: Array, points: Array, pen: int, rng: Random) -> None:
    """A closed line, or its surface."""
    if rng.random() < 0.6:
        cv2.polylines(sheet, [points], True, 255, pen, cv2.LINE_AA)
    else:
        cv2.fillPoly(sheet, [points], 255)


def between(rng: Random, low: int, high: int) -> int:
    """A whole number, `high` excluded."""
    return int(rng.integers(low, high))


# ---- kinds that are learnt ----


def star(sheet: Array, pen: int, rng: Random) -> None:
    points = 2 * between(rng, 4, 9)
    reach = np.where(np.arange(points) % 2, 50 * rng.uniform(0.3, 0.6), 50)
    reach = reach * rng.uniform(0.85, 1.15, points)
    outlined(sheet, ring(reach, reach, rng.uniform(0, 6.3)), pen, rng)


def face(sheet: Array, pen: int, rng: Random) -> None:
    wide, tall = between(rng, 38, 56), between(rng, 38, 56)
    pen = max(2, pen * 2 // 3)
    head, turned = (wide, tall), rng.normal(0, 8)
    cv2.ellipse(sheet, (MIDDLE, MIDDLE), head, turned, 0, 360, 255, pen, cv2.LINE_AA)
    y, apart = (
        MIDDLE - int(tall * rng.uniform(0.15, 0.4)),
        wide * rng.uniform(0.25, 0.45),
    )
    size = between(rng, 3, 8)
    for x in (MIDDLE - int(apart), MIDDLE + int(apart)):
        if rng.random() < 0.8:
            cv2.circle(sheet, (x, y), size, 255, -1 if rng.random() < 0.7 else 2)
        else:
            cv2.line(sheet, (x, y - size), (x, y + size), 255, pen)
    mouth(sheet, pen, head, rng)
    if rng.random() < 0.4:
        cv2.line(sheet, (MIDDLE, 66), (MIDDLE + between(rng, -5, 6), 78), 255, pen)


def mouth(sheet: Array, pen: int, head: tuple[int, int], rng: Random) -> None:
    """Glad, sad or straight."""
    wide, tall = head
    size = int(wide * rng.uniform(0.3, 0.6)), int(tall * rng.uniform(0.2, 0.4))
    glad = MIDDLE, MIDDLE + int(tall * rng.uniform(0, 0.25))
    sad, y = (MIDDLE, MIDDLE + int(0.6 * tall)), MIDDLE + int(0.4 * tall)
    kind = rng.random()
    if kind < 0.6:
        cv2.ellipse(sheet, glad, size, 0, 10, 170, 255, pen, cv2.LINE_AA)
    elif kind < 0.8:
        cv2.ellipse(sheet, sad, size, 0, 190, 350, 255, pen, cv2.LINE_AA)
    else:
        cv2.line(sheet, (MIDDLE - size[0], y), (MIDDLE + size[0], y), 255, pen)


def heart(sheet: Array, pen: int, rng: Random) -> None:
    t, size = np.linspace(0, 2 * np.pi, 50), rng.uniform(2.3, 3.2)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    points = np.stack([MIDDLE + size * 16 * np.sin(t) ** 3, MIDDLE - size * y], 1)
    outlined(sheet, points.astype(np.int32), pen, rng)


def arrow(sheet: Array, pen: int, rng: Random) -> None:
    angle, long = rng.uniform(0, 2 * np.pi), rng.uniform(35, 50)
    open_, barb = rng.uniform(0.4, 0.9), rng.uniform(12, 30)
    way = np.array([np.cos(angle), np.sin(angle)])
    tip = (MIDDLE + long * way).astype(int).tolist()
    ends = [MIDDLE - long * way]
    for turn in (angle + np.pi - open_, angle + np.pi + open_):
        ends.append(tip + barb * np.array([np.cos(turn), np.sin(turn)]))
    for end in ends:
        cv2.line(sheet, tip, end.astype(int).tolist(), 255, pen, cv2.LINE_AA)


def house(sheet: Array, pen: int, rng: Random) -> None:
    left, right = MIDDLE - between(rng, 25, 45), MIDDLE + between(rng, 25, 45)
    eaves, ground, thin = between(rng, 55, 75), 118, max(2, pen // 2)
    cv2.rectangle(sheet, (left, eaves), (right, ground), 255, pen)
    top = (left + right) // 2, between(rng, 18, 40)
    roof = np.array([(left - 4, eaves), top, (right + 4, eaves)], np.int32)
    cv2.polylines(sheet, [roof], True, 255, pen, cv2.LINE_AA)
    if rng.random() < 0.6:
        x = between(rng, left + 8, right - 16)
        cv2.rectangle(sheet, (x, ground - 25), (x + 14, ground), 255, thin)
    if rng.random() < 0.4:
        x = between(rng, left + 6, right - 16)
        cv2.rectangle(sheet, (x, eaves + 8), (x + 12, eaves + 18), 255, thin)


def spiral(sheet: Array, pen: int, rng: Random) -> None:
    angles = np.linspace(0, rng.uniform(1.8, 4) * 2 * np.pi, 150)
    reach, start = 5 + 45 * angles / angles[-1], rng.uniform(0, 6.3)
    turned = start + rng.choice([-1, 1]) * angles
    y = MIDDLE + reach * np.sin(turned) * rng.uniform(0.7, 1)
    points = np.stack([MIDDLE + reach * np.cos(turned), y], 1).astype(np.int32)
    cv2.polylines(sheet, [points], False, 255, max(3, min(pen, 8)), cv2.LINE_AA)


def rings(sheet: Array, pen: int, rng: Random) -> None:
    """Circles in one another, side by side, or crossed by lines."""
    pen, kind, middle = max(2, min(pen, 7)), rng.random(), (MIDDLE, MIDDLE)
    if kind < 0.35:
        for i in range(between(rng, 2, 4)):
            cv2.circle(sheet, middle, 15 + 18 * i, 255, pen, cv2.LINE_AA)
    elif kind < 0.7:
        cv2.circle(sheet, middle, 48, 255, pen, cv2.LINE_AA)
        if rng.random() < 0.5:
            cv2.circle(sheet, middle, between(rng, 5, 25), 255, -1)
            return
        for angle in rng.uniform(0, 3.14, between(rng, 1, 4)):
            way = 48 * np.array([np.cos(angle), np.sin(angle)])
            ends = [(MIDDLE + s * way).astype(int).tolist() for s in (-1, 1)]
            cv2.line(sheet, ends[0], ends[1], 255, pen)
    else:
        for x in (45, 95):
            at = x, MIDDLE + between(rng, -8, 9)
            cv2.circle(sheet, at, between(rng, 18, 32), 255, pen, cv2.LINE_AA)


# ---- kinds that are kept from it ----


def flower(sheet: Array, pen: int, rng: Random) -> None:
    count, pen, heart_ = between(rng, 4, 8), max(2, min(pen, 5)), (MIDDLE, 60)
    if rng.random() < 0.6:
        foot = MIDDLE + between(rng, -12, 13), 130
        cv2.line(sheet, heart_, foot, 255, max(3, pen))
    reach = np.full(count, 28.0)
    for x, y in ring(reach, reach, rng.uniform(0, 6.3)).tolist():
        cv2.circle(sheet, (x, y - 10), 16, 255, pen if count % 2 else -1, cv2.LINE_AA)
    cv2.circle(sheet, heart_, 9, 255, -1)


def person(sheet: Array, pen: int, rng: Random) -> None:
    pen, hip = max(3, min(pen, 9)), between(rng, 78, 92)
    filled = pen if rng.random() < 0.7 else -1
    cv2.circle(sheet, (MIDDLE, 30), between(rng, 10, 17), 255, filled, cv2.LINE_AA)
    cv2.line(sheet, (MIDDLE, 42), (MIDDLE, hip), 255, pen)
    for side in (-1, 1):
        hand = MIDDLE + side * between(rng, 18, 34), between(rng, 40, 85)
        foot = MIDDLE + side * between(rng, 10, 28), between(rng, 115, 128)
        at = MIDDLE, between(rng, 52, 62)
        cv2.line(sheet, at, hand, 255, pen, cv2.LINE_AA)
        cv2.line(sheet, (MIDDLE, hip), foot, 255, pen, cv2.LINE_AA)


def grid(sheet: Array, pen: int, rng: Random) -> None:
    pen, columns, rows = max(2, min(pen, 7)), between(rng, 2, 4), between(rng, 2, 4)
    for i in range(columns + 1):
        x = 25 + 90 * i // columns
        cv2.line(sheet, (x, 25), (x, 115), 255, pen)
    for i in range(rows + 1):
        y = 25 + 90 * i // rows
        cv2.line(sheet, (25, y), (115, y), 255, pen)


def tally(sheet: Array, pen: int, rng: Random) -> None:
    pen, count, slant = max(3, min(pen, 9)), between(rng, 2, 6), rng.normal(0, 5)
    for i in range(count):
        x, (shake, top, foot) = 25 + 90 * i // count, rng.normal(0, 4, 3)
        ends = (int(x + slant + shake), 25 + int(top)), (x, 110 + int(foot))
        cv2.line(sheet, ends[0], ends[1], 255, pen, cv2.LINE_AA)
    if rng.random() < 0.5:
        cv2.line(sheet, (18, 95), (115, 40), 255, pen, cv2.LINE_AA)


def dots(sheet: Array, pen: int, rng: Random) -> None:
    for _ in range(between(rng, 2, 9)):
        at, size = (between(rng, 25, 115), between(rng, 25, 115)), between(rng, 4, 14)
        cv2.circle(sheet, at, size, 255, -1 if rng.random() < 0.7 else 3)


LEARNT: tuple[Kind, ...] = (star, face, heart, arrow, house, spiral, rings)
UNKNOWN: tuple[Kind, ...] = (flower, person, grid, tally, dots)
