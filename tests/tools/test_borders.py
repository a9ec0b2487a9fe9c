"""Text from outside at every border where it leaves: it steers none of them.

Names of devices and files, panics, operators: each border is given every word of NASTY
raw; what comes out is printable, or JSON that every parser takes.
"""

import contextlib
import io
import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core import errors
from core.files import write_json
from core.saying import say
from core.text import UNSAFE, for_comment
from core.words import EMULATED
from tests.support.fakes import FakeDevice, FakeHost, opener, some_images
from tools import bisect
from tools.boards import boards, flash
from tools.classify import classify, pictures
from tools.classify.comparison import Comparison
from tools.doctor import doctor
from tools.doctor.finding import PROBLEM, Finding
from tools.link import silence
from tools.report import page, report
from tools.report.files import summary

NASTY = (
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "a\nerror: forged",
    "a\r\x9b2Jb",
    "\u202egnp.exe\u2066x\u2069",
    "\u2028line\u2029",
    "half \udcff",
    "\x7f\x00\x08",
    "<script>alert(1)</script>",
    "*/ #error /* \\",
)
NO_NUMBERS = (float("nan"), float("inf"), -float("inf"))


def printed(show: Callable[[], object]) -> str:
    """What it prints, on both streams."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        show()
    return stream.getvalue()


# ==== A terminal ==============================================================


def noise(word: str) -> bytes:
    return word.encode("utf-8", "surrogateescape")


def difference(word: str) -> bisect.Difference:
    plan = SimpleNamespace(shape=(1, 1, 1), name=word, power=0)
    right = np.zeros((1, 1, 1), np.uint8)
    return bisect.compare("int8", 0, 0, plan, right, b"\1")  # type: ignore[arg-type]


def classified(word: str, folder: Path) -> Comparison:
    board = boards.Board(word, EMULATED)
    asked = classify.Subject(some_images(1)[0], word, None)
    host = FakeHost(folder / "v2")
    return classify.compare(classify.Config(), board, FakeDevice(), host, asked)  # type: ignore[arg-type]


def reported(word: str, folder: Path) -> dict[str, Any]:
    asked = report.Subject(some_images(4), np.zeros(4, np.uint8), word)
    target = report.Target(word, "emulated", opener(FakeDevice()), None)
    host = FakeHost(folder / "v2")
    return report.make_report(report.Config(), target, host, asked)  # type: ignore[arg-type]


def many(word: str) -> None:
    seen = [pictures.Picture(word, (), (), word, "")] * 2
    classify.tell_pictures(classify.Config(), seen, [], [])


FIGURES = dict.fromkeys("code const flash data bss arena stack".split(), 1)
SIZES = {f"{name}_bytes": size for name, size in FIGURES.items()}
TERMINAL: dict[str, Callable[[str, Path], object]] = {
    "an error": lambda word, _: errors.report(word, word, 2),
    "a panic": lambda word, _: print(
        *silence.explain(b"Guru Meditation Error: " + noise(word))
    ),
    "another firmware": lambda word, _: print(*silence.explain(noise(word) * 2)),
    "progress": lambda word, _: say(word),
    "doctor": lambda word, _: doctor.show(
        [Finding("x", PROBLEM, word, word, port=word)], _stdout()
    ),
    "bisect": lambda word, _: print(difference(word).sentence()),
    "classify": lambda word, folder: classify.show(
        classified(word, folder), some_images(1)[0], _stdout()
    ),
    "many pictures": lambda word, _: many(word),
    "flash": lambda word, _: flash.show(
        {"model": "v2", "board": "twin", "flashed": "no", "folder": word, **SIZES}
    ),
}


def _stdout() -> Any:
    import sys

    return sys.stdout


@pytest.mark.parametrize("word", NASTY, ids=ascii)
@pytest.mark.parametrize("border", TERMINAL)
def test_no_terminal_is_steered(border: str, word: str, tmp_path: Path) -> None:
    shown = printed(lambda: TERMINAL[border](word, tmp_path))
    assert shown.strip()
    odd = {c for c in shown if c not in "\n\t" and unicodedata.category(c) in UNSAFE}
    assert not odd
    shown.encode()
    if border != "progress":  # quoted before there
        assert "\nerror: forged" not in shown


# ==== JSON, HTML, C ===========================================================


def as_json(show: Callable[[], object]) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(printed(show), parse_constant=refuse)


@pytest.mark.parametrize("word", NASTY, ids=ascii)
def test_json_gives_back_the_very_text(word: str, tmp_path: Path) -> None:
    config = bisect.Config(json=True)
    told = as_json(lambda: bisect.tell(config, ("int8",), 1, [difference(word)]))
    assert told["differences"]["int8"]["name"] == word
    path = tmp_path / "report.json"
    write_json(path, reported(word, tmp_path))
    assert json.loads(path.read_text())["board"] == word
    assert path.read_text().isascii()


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_json_holds_numbers_alone(value: float, tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": [value, {"b": (value, 1.5)}]})
    told = as_json(lambda: print((tmp_path / "a.json").read_text()))
    assert told == {"a": [None, {"b": [None, 1.5]}]}
    different = difference("x").__class__(
        **{**difference("x").__dict__, "expected": value, "largest": value}
    )
    config = bisect.Config(json=True)
    told = as_json(lambda: bisect.tell(config, ("f16",), 1, [different]))
    assert told["differences"]["f16"]["expected"] is None


def test_every_command_writes_its_json_by_the_one_function() -> None:
    """A new `print(json.dumps(...))` is another border."""
    for folder in ("training", "export", "tools"):
        for path in Path(__file__).parents[2].joinpath(folder).rglob("*.py"):
            found = re.findall(r"print\(\s*json\.dumps", path.read_text())
            assert not found, path


@pytest.mark.parametrize("word", NASTY, ids=ascii)
def test_a_word_cannot_leave_its_place_in_the_page(word: str, tmp_path: Path) -> None:
    told = reported(word, tmp_path) | {"command": word, "failures": [word]}
    shown = page.render(told, some_images(4))
    assert "<script" not in shown
    assert not {c for c in shown if c != "\n" and unicodedata.category(c) in UNSAFE}
    assert "forged" not in summary(told, tmp_path).split("\n")[0] or "\n" not in word


@pytest.mark.parametrize("word", NASTY, ids=ascii)
def test_a_word_cannot_leave_a_comment_of_c_or_cmake(word: str) -> None:
    shown = for_comment(word)
    assert "*/" not in shown and "/*" not in shown and "\n" not in shown
    assert not {c for c in shown if unicodedata.category(c) in UNSAFE}
    assert not shown.endswith("\\")
