"""The README's moving picture: digits drawn in the page, a board answering beside it.

    make flash BOARD=virtual && esp8k film

Writes docs/draw.gif. All in it is real: the page of `esp8k draw`, chromium, strokes by
its mouse, and the board, whose name and evidence the page shows itself. Where a logit
of the board differs from the page's, there is no film.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from core import paths
from core.cli import parse
from core.errors import CheckFailed, Esp8kError
from core.program import run
from core.saying import say
from core.words import DEFAULT_MODEL, ModelName
from tools.boards import boards
from tools.web import build as page
from tools.web import draw, server
from tools.web.line import BoardLine

CHROMIUM = "/usr/bin/chromium"
WIDTH, HEIGHT = 900, 800
READY_MS = 20_000
SETTLED_MS = 500  # the bars move until then
STEPS = 3  # frames between two points of a stroke
STEP_MS, LOOK_MS = 60, 2400  # how long a frame of a stroke, and of an answer, stays
COLOURS = 64
# Strokes in shares of the sheet, as a hand might draw them.
SEVEN = (((0.30, 0.24), (0.50, 0.22), (0.70, 0.24), (0.58, 0.50), (0.46, 0.80)),)
FOUR = (
    ((0.38, 0.20), (0.33, 0.38), (0.30, 0.54), (0.50, 0.55), (0.70, 0.54)),
    ((0.60, 0.22), (0.59, 0.50), (0.57, 0.82)),
)


@dataclass(frozen=True)
class Config:
    """Options of `esp8k film`."""

    model: ModelName = DEFAULT_MODEL  # which network
    board: str | None = "virtual"  # what answers beside the page
    port: str | None = None  # its serial port, if it is a real one
    out: Path = paths.ROOT / "docs" / "draw.gif"  # file of the picture


@dataclass
class Film:
    """Pictures of a page, and how long each is shown."""

    page: Any  # playwright's
    frames: list[tuple[Image.Image, int]]

    def take(self, milliseconds: int) -> None:
        """One more frame."""
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        self.frames.append((shot, milliseconds))

    def write(self, out: Path) -> None:
        """An endless GIF; one palette for all, so that what is still stays still."""
        palette = self.frames[-1][0].quantize(COLOURS, dither=Image.Dither.NONE)
        first, *rest = (
            frame.quantize(palette=palette, dither=Image.Dither.NONE)
            for frame, _ in self.frames
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        times = [milliseconds for _, milliseconds in self.frames]
        first.save(
            out, "GIF", save_all=True, append_images=rest, duration=times, loop=0
        )


def draw_digit(film: Film, strokes: Sequence[Sequence[tuple[float, float]]]) -> None:
    """By mouse, a few frames from each point to the next."""
    box = film.page.locator("#sheet").bounding_box()
    mouse = film.page.mouse

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return (
            box["x"] + point[0] * box["width"],
            box["y"] + point[1] * box["height"],
        )

    for first, *rest in strokes:
        mouse.move(*at(first))
        mouse.down()
        last = first
        for point in rest:
            for step in range(1, STEPS + 1):
                share = step / STEPS
                x, y = (a + share * (b - a) for a, b in zip(last, point, strict=True))
                mouse.move(*at((x, y)))
                film.take(STEP_MS)
            last = point
        mouse.up()


def act(opened: Any) -> Film:
    """Two digits, each until the board has answered with the page's bits."""
    film = Film(opened, [])
    opened.wait_for_selector("body[data-ready=yes]", timeout=READY_MS)
    opened.wait_for_selector("text=runs this very model", timeout=READY_MS)
    opened.locator("#sheet").scroll_into_view_if_needed()
    film.take(LOOK_MS // 3)
    for strokes in (SEVEN, FOUR):
        draw_digit(film, strokes)
        try:
            opened.wait_for_selector("text=all logits, bit for bit", timeout=READY_MS)
        except Exception as error:
            raise CheckFailed(
                "the board's logits are not the page's", "make bisect finds where"
            ) from error
        opened.wait_for_timeout(SETTLED_MS)
        film.take(LOOK_MS)
        opened.click("#clear")
    return film


def filmed(url: str, action: Callable[[Any], Film]) -> Film:
    """Chromium without a window, over the page at `url`."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise Esp8kError("no playwright", "run: make setup") from None
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        opened = chromium.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light"
        )
        opened.goto(url)
        film = action(opened)
        chromium.close()
    return film


def main(argv: Sequence[str] | None = None) -> int:
    """Draw, film, write."""
    config = parse(Config, argv, "film", __doc__ or "")
    if not Path(CHROMIUM).exists():
        raise Esp8kError("no chromium", "apt-get install chromium")
    folder = page.build(config.model)
    board = boards.choose(config.board, config.port)
    with BoardLine(board, config.model, paths.model_dir(config.model)) as line:
        asked = draw.Config(model=config.model, browser=False)
        with server.Server(draw.site_of(folder, asked, line)) as running:
            film = filmed(running.url, act)
    film.write(config.out)
    told = f"{len(film.frames)} frames, {config.out.stat().st_size:,} bytes"
    say(f"{config.out}: {told}")
    return 0


if __name__ == "__main__":
    run(main)
