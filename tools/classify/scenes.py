"""Draw pictures of digits as people take them: paper, light, pens and cameras.

    esp8k scenes --out build/scenes --count 20    # a folder with labels.json

Every picture follows from its kind and its seed. A digit is drawn by strokes of our
own or is an MNIST image of the training set, never of the test set; the paper, what
is printed on it, the light and the camera are drawn around it.
`tools.classify.check_pictures` reads such folders.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from core.cli import SEEDS, parse, require_range
from core.errors import Esp8kError
from core.files import check_writable, unwritable, write_text
from core.program import run
from tools.classify.looks import KINDS, Look
from training.doubt.strokes import draw, trimmed

Array = np.ndarray


def scene(kind: str, label: int, seed: int, mnist: Array | None = None) -> Array:
    """One picture, uint8 (H, W, 3) RGB; `mnist` (28, 28) draws that digit instead."""
    rng = np.random.default_rng([seed, label, *kind.encode()])
    look = KINDS[kind]
    height, width = (int(v) for v in rng.integers(360, 900, 2))
    if rng.random() < 0.7:
        height, width = (800, 600) if rng.random() < 0.6 else (600, 800)
    digit = draw_digit(look, label, min(height, width), rng, mnist)
    fit = min(1.0, 0.97 * height / digit.shape[0], 0.97 * width / digit.shape[1])
    digit = cv2.resize(digit, None, fx=fit, fy=fit, interpolation=cv2.INTER_AREA)
    paper, where = make_paper(look, height, width, digit.shape, rng)
    ink = np.zeros((height, width))
    ink[where[0] : where[0] + digit.shape[0], where[1] : where[1] + digit.shape[1]] = (
        digit
    )
    if look.chalk:
        reflected = paper + (rng.uniform(0.55, 0.85) - paper) * ink[..., None]
    else:
        colour = ink_colour(look, rng)
        reflected = paper * (1 - ink[..., None] * (1 - colour))
    lit = reflected * light(look, height, width, rng)[..., None]
    return camera(look, lit, rng)


# ---- the digit ----


def draw_digit(
    look: Look, label: int, side: int, rng: np.random.Generator, mnist: Array | None
) -> Array:
    """Coverage 0..1 of the digit, (h, w)."""
    tall = max(14, round(rng.uniform(*look.size) * side))
    if mnist is not None:
        big = cv2.resize(mnist, (round(tall * 1.4),) * 2, interpolation=cv2.INTER_CUBIC)
        return trimmed(np.clip((big.astype(float) / 255 - 0.25) * 2, 0, 1))
    return draw(label, tall, max(1.0, rng.uniform(*look.pen) * tall), rng)


def ink_colour(look: Look, rng: np.random.Generator) -> Array:
    """Reflection of the ink a channel: black, grey, blue, red or green."""
    dark = rng.uniform(*look.ink)
    tint = np.array([[1, 1, 1], [1, 1, 1], [0.8, 0.9, 1.5], [1.6, 0.9, 0.9],
                     [0.7, 1.3, 0.9]])[rng.integers(5)]  # fmt: skip
    return np.asarray(np.clip(dark * tint, 0, 0.95))


# ---- the paper ----


def make_paper(
    look: Look,
    height: int,
    width: int,
    digit: tuple[int, ...],
    rng: np.random.Generator,
) -> tuple[Array, tuple[int, int]]:
    """Reflection (H, W, 3) of all but the ink, and where the digit's corner lies."""
    tone = 1 - rng.uniform(0, 0.12, 3)
    if look.chalk:
        tone = np.array([0.12, 0.17, 0.13]) * rng.uniform(0.7, 1.6)
    paper = np.ones((height, width, 3)) * tone
    free_y, free_x = height - digit[0], width - digit[1]
    top = int(free_y * rng.uniform(0.25, 0.75))
    left = int(free_x * rng.uniform(0.25, 0.75))
    side = min(height, width)
    if look.tones:
        paper[: int(height * rng.uniform(0.35, 0.65))] *= 1 - rng.uniform(0, 0.3, 3)
    if look.lines or look.squares:
        rule(look, paper, rng)
    if look.box:
        margin = rng.uniform(0.2, 0.5) * digit[0]
        half = max(digit) / 2 + margin
        y, x = top + digit[0] / 2, left + digit[1] / 2
        corners = np.array([[x - half, y - half], [x + half, y + half]]).round()
        a, b = corners.astype(int).tolist()
        cv2.rectangle(paper, a, b, [0.25] * 3, max(1, round(0.004 * side)), cv2.LINE_AA)
    for _ in range(look.specks):
        at = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(paper, at, int(rng.integers(1, 4)), [0.4] * 3, -1)
    if look.note:
        desk(paper, (top, left), digit, rng)
    for _ in range(look.page):
        edge(paper, rng)
    return paper, (top, left)


def rule(look: Look, paper: Array, rng: np.random.Generator) -> None:
    """Ruled or squared lines, slightly turned."""
    height, width = paper.shape[:2]
    step = rng.uniform(0.035, 0.12) * min(height, width)
    colour = 1 - max(look.lines, look.squares) * rng.uniform(0.7, 1, 3)
    colour[2] = min(1.0, colour[2] + 0.1)
    turn = rng.normal(0, 0.02)
    thick = int(rng.integers(1, 3))
    layer = np.ones_like(paper)
    reach = height + width
    for at in np.arange(-reach, reach, step):
        ends = [(-width, at - turn * width), (2 * width, at + turn * 2 * width)]
        a, b = np.array(ends).round().astype(int).tolist()
        cv2.line(layer, a, b, colour.tolist(), thick, cv2.LINE_AA)
        if look.squares:
            ends = [(at + turn * height, -height), (at - turn * 2 * height, 2 * height)]
            a, b = np.array(ends).round().astype(int).tolist()
            cv2.line(layer, a, b, colour.tolist(), thick, cv2.LINE_AA)
    paper *= layer


def desk(
    paper: Array, at: tuple[int, int], digit: tuple[int, ...], rng: np.random.Generator
) -> None:
    """Everything but a quadrilateral around the digit becomes a desk."""
    height, width = paper.shape[:2]
    y, x = at[0] + digit[0] / 2, at[1] + digit[1] / 2
    half = np.array([digit[1], digit[0]]) / 2 + max(digit) * rng.uniform(0.3, 0.9, 2)
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    turn = rng.normal(0, 0.06)
    spin = np.array([[1, turn], [-turn, 1]])
    corners = np.array([x, y]) + (signs * half) @ spin + rng.normal(0, 4, (4, 2))
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [corners.round().astype(np.int32)], 255, cv2.LINE_AA)
    share = inside[..., None] / 255
    grain = cv2.resize(rng.normal(1, 0.08, (height // 8, 6)), (width, height))
    wood = np.array([0.45, 0.3, 0.18]) * rng.uniform(0.5, 1.6) * grain[..., None]
    paper[:] = paper * share + wood * (1 - share)


def edge(paper: Array, rng: np.random.Generator) -> None:
    """Beyond one side of the page the table shows."""
    height, width = paper.shape[:2]
    table = np.array([0.3, 0.27, 0.25]) * rng.uniform(0.3, 2.0)
    deep, slant = rng.uniform(0.05, 0.16), rng.normal(0, 0.03)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    ways = (x, 1 - x, y, 1 - y)
    which = int(rng.integers(4))
    along = y if which < 2 else x
    paper[ways[which] < deep + slant * (along - 0.5)] = table


# ---- light and camera ----


def light(look: Look, height: int, width: int, rng: np.random.Generator) -> Array:
    """Light on every point, about 0.3..1.2, (H, W)."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * x + np.sin(angle) * y
    found = 1 - look.light * rng.uniform(0.3, 1) * (along + 1.4) / 2.8
    if look.shadow[0] < 1:
        angle = rng.uniform(0, 2 * np.pi)
        across = np.cos(angle) * x + np.sin(angle) * y + rng.normal(0, 0.25)
        soft = 2 * rng.uniform(*look.soft) + 0.002
        dark = 1 / (1 + np.exp(np.clip(-across / soft * 4, -40, 40)))
        found *= 1 - dark * (1 - rng.uniform(*look.shadow))
    if look.crumple:
        cells = int(rng.integers(7, 22))
        shape = (max(3, cells * height // max(height, width)), cells)
        waves = cv2.resize(
            rng.normal(0, look.crumple, shape), (width, height), interpolation=2
        )
        found *= np.clip(1 + waves, 0.4, 1.5)
    if look.glare:
        middle, reach = rng.uniform(-0.8, 0.8, 2), rng.uniform(0.08, 0.25)
        far = ((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / reach**2
        found += 1.5 * np.exp(-far)
    if look.corner:
        middle = rng.choice([-1.0, 1.0], 2) * rng.uniform(0.85, 1.1, 2)
        reach = rng.uniform(0.25, 0.55)
        far = np.hypot(x - middle[0], y - middle[1]) / reach
        found *= 1 - rng.uniform(0.4, 0.8) / (1 + np.exp(12 * (far - 1)))
    return np.asarray(found)


def camera(look: Look, lit: Array, rng: np.random.Generator) -> Array:
    """Perspective, blur, exposure, noise, JPEG; uint8 (H, W, 3)."""
    height, width = lit.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + rng.normal(0, look.tilt, (4, 2)) * min(height, width) / 2
    bend = cv2.getPerspectiveTransform(moved.astype(np.float32), corners)
    seen = cv2.warpPerspective(
        lit.astype(np.float32), bend, (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    radius = rng.uniform(*look.blur) * min(height, width)
    if radius > 0.3:
        seen = cv2.GaussianBlur(seen, (0, 0), radius)
    exposed = 255 * np.clip(seen * rng.uniform(0.75, 1.05), 0, 1) ** 0.9
    exposed += rng.normal(0, rng.uniform(*look.noise), seen.shape[:2])[..., None]
    values = np.clip(exposed, 0, 255).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))]
    packed = cv2.imencode(".jpg", values[..., ::-1], quality)[1]
    back = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(back[..., ::-1])


@dataclass(frozen=True)
class Config:
    """Options of `esp8k scenes`."""

    out: Path = Path("build/scenes")  # folder to write to
    count: int = 20  # pictures a kind
    seed: int = 0  # of the first picture
    only: str | None = None  # one kind alone
    mnist: bool = True  # whether every second digit is one of MNIST's training set


def numbered(
    kind: str, count: int, seed: int, digits: Callable[[int, int], Array | None]
) -> Iterator[tuple[Array, int]]:
    """Yield (picture, label) of a kind; digits(label, i) gives an MNIST digit."""
    for i in range(count):
        label = i % 10
        yield scene(kind, label, seed + i, digits(label, seed + i)), label


def training_digits() -> Callable[[int, int], Array | None]:
    """Every second time an MNIST image, of those held out for choosing."""
    from training.data import load, split

    data = load()
    held = split(data.train_labels)[1]
    images, labels = data.train_images[held], data.train_labels[held]

    def pick(label: int, i: int) -> Array | None:
        if i // 10 % 2 == 0:
            return None
        which = np.flatnonzero(labels == label)
        return np.asarray(images[which[i // 20 % len(which)]])

    return pick


def main(argv: Sequence[str] | None = None) -> int:
    """Write the folder."""
    config = parse(Config, argv, "scenes", __doc__ or "")
    require_range(config, count=(1, 10**6), seed=SEEDS)
    if config.only is not None and config.only not in KINDS:
        raise Esp8kError(f"there is no kind {config.only!r}", ", ".join(KINDS))
    check_writable(config.out)
    digits = training_digits() if config.mnist else (lambda label, i: None)
    table = {}
    for kind in [config.only] if config.only else KINDS:
        made = numbered(kind, config.count, config.seed, digits)
        for i, (picture, label) in enumerate(made):
            name = f"{kind.replace(' ', '_')}_{i}.png"
            if not cv2.imwrite(str(config.out / name), picture[..., ::-1]):
                raise unwritable(config.out / name, OSError())
            table[name] = {"label": label, "kind": kind}
    text = json.dumps(table, indent=1) + "\n"
    write_text(config.out / "labels.json", text)
    return 0


if __name__ == "__main__":
    run(main)
