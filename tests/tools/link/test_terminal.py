"""A person at a serial terminal: Enter, echo, backspace, help, sample, stats."""

import re

import numpy as np
import pytest

from core.paths import ROOT
from tests.support.fake_model import fake_int8
from tools import samples
from tools.faults.loopback import MemoryBoard
from tools.link.framing import Request, encode

READY = b"m-ready\r\n"
PROMPT = b"esp8k> "
NAME = b"m-name-dut-[esp8k]\r\n" + READY


@pytest.fixture
def person(board: MemoryBoard) -> MemoryBoard:
    """A board at which somebody has typed a first command."""
    board.boot()
    assert board.feed(b"name\r") == NAME + PROMPT
    return board


@pytest.mark.parametrize("enter", [b"\r", b"\n", b"\r\n"])
def test_enter_ends_a_command(board: MemoryBoard, enter: bytes) -> None:
    board.boot()
    assert board.feed(b"name" + enter) == NAME + PROMPT
    assert board.feed(b"name" + enter) == b"name\r\n" + NAME + PROMPT


def test_what_is_typed_is_shown_and_can_be_taken_back(person: MemoryBoard) -> None:
    assert person.feed(b"nax") == b"nax"
    assert person.feed(b"\x7f") == b"\b \b"
    assert person.feed(b"mm\b") == b"mm\b \b"
    assert person.feed(b"e\r") == b"e\r\n" + NAME + PROMPT
    assert person.feed(b"\b\x7f") == b""  # there is nothing to take back
    assert person.feed(b"\r\n\r\n") == (b"\r\n" + PROMPT) * 2


def test_a_line_that_is_too_long_shows_where_it_ended(person: MemoryBoard) -> None:
    shown = person.feed(b"x" * 90)
    assert shown == b"x" * 80
    said = person.feed(b"\r")
    assert said.startswith(b"\r\ne-[Command longer than 80 characters]\r\n" + READY)
    assert person.feed(b"name\r") == b"name\r\n" + NAME + PROMPT


def test_a_machine_never_sees_an_echo(board: MemoryBoard) -> None:
    board.boot()
    for _ in range(3):
        assert board.feed(b"name%\r\n") == NAME
        assert board.feed(b"\r\n\r\nname%") == NAME
    board.feed(b"name\r")
    board.feed(b"name%")  # a machine again
    assert board.feed(b"name%") == NAME
    board.feed(b"name\r")
    wire, _ = encode(Request.HELLO, 0x2525, b"")
    for byte in wire[:-1]:
        assert board.feed(bytes([byte])) == b""
    assert board.feed(wire[-1:]).startswith(b"\0")
    assert board.feed(b"name%") == NAME


def test_a_host_that_sends_all_back_comes_to_an_end(board: MemoryBoard) -> None:
    """A port that was not set to raw echoes the greeting, and a boot text."""
    said, rounds = b"ets Jul 29 2019\r\nrst:0x1 (POWERON_RESET)\r\n" + board.boot(), 0
    while said:
        said, rounds = board.feed(said), rounds + 1
        assert rounds < 5


def test_one_unknown_line_starts_no_echo(board: MemoryBoard) -> None:
    board.boot()
    assert board.feed(b"hlep\r").startswith(b"e-[Unknown command: hlep]")
    assert board.feed(b"x") == b""


def test_help_is_readable_on_80_columns(person: MemoryBoard) -> None:
    lines = person.feed(b"help\r").decode().split("\r\n")
    assert max(map(len, lines)) < 80 and len(lines) < 24
    text = "\n".join(lines)
    for word in ("Enter", "sample", "stats", "infer", "engine", "db load", "results"):
        assert word in text


@pytest.mark.parametrize("digit", range(10))
def test_a_built_in_digit_is_drawn_and_classified(
    person: MemoryBoard, digit: int
) -> None:
    said = person.feed(b"sample %d\r" % digit)
    lines = said.decode().split("\r\n")
    drawn, says = lines[1:-3], lines[-3]
    assert len(drawn) == 20 and max(map(len, drawn)) <= 56
    assert sum(line.count("#") for line in drawn) > 30
    packed = re.findall(r"    \{\n(.*?)    \},", FILE, re.DOTALL)[digit]
    pixels = samples.unpack(bytes(int(x, 16) for x in re.findall("0x(..)", packed)))
    ink = np.array(list(" .o#"))[pixels[4:-4] // 85]
    assert ["".join(row.repeat(2)).rstrip() for row in ink] == drawn
    logits = fake_int8(pixels)
    assert says.startswith(f"int8 says {int(np.argmax(logits))}, with ")
    assert b"m-infer-done" in person.feed(b"infer 1 0%")  # it stays in the buffer


FILE = (ROOT / "firmware" / "src" / "samples.c").read_text()


@pytest.mark.parametrize("digit", ["", " x", " 10", " -1", " 99999999999"])
def test_a_digit_that_there_is_not_changes_nothing(
    person: MemoryBoard, digit: str
) -> None:
    said = person.feed(f"sample{digit}%".encode())
    assert b"e-[Command 'sample' requires a digit, 0 to 9]\r\n" + READY in said
    assert person.feed(b"infer 1 0%").startswith(b"e-[Input db has fewer bytes")


def test_stats_are_the_ones_of_statistics(person: MemoryBoard) -> None:
    person.feed(b"sample 3\r")
    said = person.feed(b"stats\r").decode()
    found = dict(re.findall(r"^([a-zA-Z ]+?) *: (\d+)\r$", said, re.MULTILINE))
    assert found["inferences"] == "1" and found["commands"] == "3"
    assert found["boot"] == "1" and max(map(len, said.splitlines())) < 80


def test_the_built_in_digits_are_what_their_script_writes(tmp_path) -> None:
    samples.main(tmp_path / "samples.c")
    assert (tmp_path / "samples.c").read_text() == FILE
