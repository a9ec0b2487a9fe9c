"""The README's film: what is in it is what the page and the board showed."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page

from core.errors import CheckFailed
from core.paths import ROOT
from tools.web import film
from tools.web.film import Film

SHEET = """<body data-ready=yes><canvas id=sheet width=200 height=200></canvas>
<p>runs this very model</p><button id=clear>Clear</button><p>{equal}</p>"""


def test_a_film_has_every_frame_and_its_time(tmp_path: Path) -> None:
    frames = []
    for x in (0, 10, 20):
        frame = Image.new("RGB", (30, 20), "white")
        frame.paste("black", (x, 0, x + 10, 20))
        frames.append((frame, 80))
    Film(None, frames).write(tmp_path / "a.gif")
    shown = Image.open(tmp_path / "a.gif")
    assert shown.n_frames == 3 and shown.info["duration"] == 80


def test_both_digits_are_drawn_and_answered(page: Page) -> None:
    page.set_content(SHEET.format(equal="all logits, bit for bit"))
    points = sum(
        len(stroke) - 1 for digit in (film.SEVEN, film.FOUR) for stroke in digit
    )
    assert len(film.act(page).frames) == 1 + film.STEPS * points + 2


def test_logits_that_differ_make_no_film(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film, "READY_MS", 300)
    page.set_content(SHEET.format(equal="1 of 10 logits differ"))
    with pytest.raises(CheckFailed, match="not the page's"):
        film.act(page)


def test_the_film_of_the_readme_is_small() -> None:
    assert (ROOT / "docs" / "draw.gif").stat().st_size < 300_000
