"""Digits and bars are readable in every terminal, and in none."""

import io

import numpy as np
import pytest

from core.terminal import bar, beside, digit_lines, has_colour


def ring() -> np.ndarray:
    pixels = np.zeros((28, 28), np.uint8)
    pixels[5:23, 8:20] = 255
    pixels[9:19, 12:16] = 0
    return pixels


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "no-such-code"])
def test_a_digit_is_fourteen_lines_that_the_encoding_can_write(encoding: str):
    lines = digit_lines(ring(), encoding)
    assert [len(line) for line in lines] == [28] * 14
    assert "".join(lines).strip()
    "".join(lines).encode("ascii" if encoding == "no-such-code" else encoding)


def test_half_blocks_hold_two_pixels_each():
    pixels = np.array([[255, 255, 0, 0], [255, 0, 255, 0]], np.uint8)
    assert digit_lines(pixels, "utf-8") == ["█▀▄ "]
    assert digit_lines(pixels, "ascii") == ["#'. "]


def test_every_line_in_colour_ends_by_taking_the_colour_back():
    lines = digit_lines(ring(), "utf-8", colour=True)
    assert len(lines) == 14
    assert all(line.endswith("\x1b[0m") and line.count("▀") == 28 for line in lines)


@pytest.mark.parametrize("share", [-1.0, 0.0, 0.001, 0.5, 0.999, 1.0, 2.0])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_bar_keeps_its_width(share: float, encoding: str):
    assert len(bar(share, 10, encoding)) == 10


def test_a_bar_grows_with_its_share_and_shows_the_least_of_it():
    assert bar(0, 8, "utf-8") == " " * 8
    assert bar(0.001, 8, "utf-8").strip() == "▏"
    assert bar(0.5, 8, "utf-8") == "████    "
    assert bar(1, 8, "ascii") == "########"


def test_a_pipe_gets_no_colour(monkeypatch: pytest.MonkeyPatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert has_colour(Terminal()) and not has_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "")
    assert not has_colour(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not has_colour(Terminal())


def test_blocks_of_unlike_height_stand_side_by_side():
    assert beside(["ab"], ["1", "2"], width=2, gap=1) == ["ab 1", "   2"]
