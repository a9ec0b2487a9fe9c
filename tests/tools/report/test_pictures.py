"""The README's pictures are made from what commands really print."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from core.errors import Esp8kError
from tools.report.pictures import capture, screenshot, terminal_page

COLOURED = r"print('\x1b[38;5;196mred\x1b[0m <b>&')"


def test_a_command_is_captured_as_on_a_terminal():
    script = "import sys; print(sys.stdout.isatty(), '▀'); print('e', file=sys.stderr)"
    assert capture([sys.executable, "-c", script]) == "True ▀\ne\n"


def test_a_command_that_fails_makes_no_picture():
    with pytest.raises(Esp8kError, match="failed"):
        capture([sys.executable, "-c", "print('x'); raise SystemExit(3)"])


def test_colours_survive_and_nothing_is_taken_for_html():
    page = terminal_page(capture([sys.executable, "-c", COLOURED]))
    assert re.search(r"color: #ff0000[^>]*>red<", page)
    assert "&lt;b&gt;&amp;" in page


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium")
def test_a_page_becomes_a_picture_of_its_size(tmp_path: Path):
    page = tmp_path / "page.html"
    page.write_text("<body style='background:#123456'>")
    screenshot(page, 640, 480, tmp_path / "out.png")
    picture = Image.open(tmp_path / "out.png")
    assert picture.size == (640, 480) and picture.getpixel((600, 400)) == (
        18,
        52,
        86,
        255,
    )
