"""What comes from outside steers nothing: terminal, C, CMake, JSON."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import text

NASTY = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "a\nerror: forged",
    "a\rb",
    "\x9b2J",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "\u2028line",
    "\ud800",
    "\x7f\x00",
]


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_steers_a_terminal(nasty: str) -> None:
    for shown in (text.one_line(nasty), text.for_terminal(nasty).replace("\n", "")):
        assert shown.isprintable()
        shown.encode()  # half surrogates are spelt out


@given(st.text())
def test_one_line_is_one_printable_line(given_text: str) -> None:
    shown = text.one_line(given_text, 40)
    assert len(shown) <= 40
    assert not any(char in shown for char in "\n\r\x1b\x9b\u202e\u2028")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_breaks_between_words_and_a_log_does_not(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = "hint:  " + "run: make export MODEL=v1; " * 9 + "\n" + "/long" * 30
    lines = text.folded(told, Terminal(), " " * 7).split("\n")
    assert max(map(len, lines[:-1])) <= 80 and lines[-1] == "/long" * 30
    assert all(line.startswith(" " * 7) for line in lines[1:-1])
    assert "".join(lines).replace(" ", "") == told.replace("\n", "").replace(" ", "")
    assert text.folded(told, io.StringIO(), " " * 7) == told


@pytest.mark.parametrize("nasty", [*NASTY, "", "..", "../../etc", "C:\\x", "a" * 300])
def test_no_name_leads_to_another_folder(nasty: str) -> None:
    name = text.for_path(nasty)
    assert 0 < len(name) <= 60 and not set(name) & set("/\\.~:\0 ")
    assert text.for_path("esp32-s3-devkitc-1") == "esp32-s3-devkitc-1"


@given(st.text(alphabet="*/?\\\n x"))
def test_text_cannot_leave_a_comment_of_c(given_text: str) -> None:
    shown = text.for_comment(given_text)
    assert "*/" not in shown and "/*" not in shown
    assert "\n" not in shown and not shown.endswith("\\") and "??/" not in shown


def test_json_has_no_nan() -> None:
    told = text.for_json({"a": [float("nan"), 1.5], "b": (float("inf"), "x")})
    assert json.loads(told) == {"a": [None, 1.5], "b": [None, "x"]}


def test_ordinary_words_stay_as_they_are() -> None:
    for plain in ("München / 東京 – ok", "a b", "conv2d_1/BiasAdd"):
        assert text.one_line(plain) == plain
