"""The text dialect, spoken with as MLPerf Tiny's runner speaks, byte by byte."""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.fake_model import fake_int8
from tests.support.link import PtyHost
from tests.support.mlperf_runner import CHUNK, IMAGES, LABELS, Runner, steps
from tools import mlperf_data
from tools.faults.loopback import MemoryBoard
from tools.link.framing import Request, Splitter, encode

SCALE = 0.125  # of the fake model's logits
READY = b"m-ready\r\n"


@pytest.fixture
def runner(behind_pty: Callable[..., PtyHost], board: MemoryBoard) -> Iterator[Runner]:
    runner = Runner(behind_pty(board.feed, greeting=board.boot()).port)
    yield runner
    runner.port.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    config = mlperf_data.Config(images=10, iterations=20, warmups=5)
    return mlperf_data.write(config, IMAGES, LABELS)


def say(board: MemoryBoard, text: str) -> bytes:
    return board.feed(text.encode())


def softmax(image: np.ndarray) -> np.ndarray:
    powers = np.exp(SCALE * (np.array(fake_int8(image), float) - max(fake_int8(image))))
    return powers / powers.sum()


# ==== A whole session ====


def test_the_boot_greets_as_a_runner_expects(board: MemoryBoard) -> None:
    assert re.fullmatch(
        rb"m-timestamp-mode-performance\r\nm-lap-us-\d+\r\nm-init-done\r\n" + READY,
        board.boot(),
    )


def test_a_runner_in_accuracy_mode_gets_every_class(
    runner: Runner, folder: Path
) -> None:
    model, loops, iterations, warmups = steps(folder, "tests_accuracy.yaml")
    assert runner.identify() == model
    assert (loops, iterations, warmups) == (10, 1, 0)
    inputs = folder / "datasets" / model
    with open(inputs / "y_labels.csv") as file:
        truth = list(csv.DictReader(file, fieldnames=["file", "classes", "class"]))
    assert len(truth) == loops
    for number, row in enumerate(truth):
        assert runner.load((inputs / row["file"]).read_bytes())[0] == "m-load-done"
        results = runner.infer(iterations, warmups)["results"]
        assert np.abs(results - softmax(IMAGES[number])).max() <= 0.000501
        assert np.argmax(results) == int(row["class"])


def test_a_runner_in_performance_mode_gets_its_five_loops(
    runner: Runner, folder: Path
) -> None:
    model, loops, iterations, warmups = steps(folder, "tests_performance.yaml")
    assert (loops, iterations, warmups) == (5, 20, 5)
    assert runner.identify() == model
    for number in range(loops):
        runner.load(IMAGES[number].tobytes())
        assert runner.infer(iterations, warmups)["elapsed_us"] >= 0
    assert runner.command("timestamp")[-1] == "m-ready"


def test_a_whole_session_byte_by_byte(runner: Runner) -> None:
    """What crosses the line for one image, both ways, and not a byte more."""
    image = bytes(784)
    runner.identify()
    runner.load(image)
    runner.infer(1, 0)
    last = 784 % CHUNK
    data = [b"db " + b"00" * CHUNK + b"%"] * (784 // CHUNK) + [b"db " + b"00" * last]
    assert runner.sent == (
        b"name%profile%db load 784%" + b"".join(data) + b"%infer 1 0%"
    )
    said = (
        "m-name-dut-[esp8k]\r\nm-ready\r\n"
        "m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[mnist01]\r\n"
        "m-ready\r\n"
        "m-[Expecting 784 bytes]\r\nm-ready\r\n"
        + "m-ready\r\n"
        * (784 // CHUNK)
        + "m-load-done\r\nm-ready\r\n"
        "m-warmup-start-0\r\nm-warmup-done\r\nm-infer-start-1\r\n"
        "m-lap-us-N\r\nm-lap-us-N\r\nm-infer-done\r\n"
        "m-results-[P,P,P,P,P,P,P,P,P,P]\r\nm-ready\r\n"
    )
    got = re.sub(rb"-us-[0-9]+\r", rb"-us-N\r", runner.got)
    assert re.sub(rb"[01]\.[0-9]{3}", b"P", got) == said.encode()


def test_a_runner_that_clears_its_line_first_is_answered(runner: Runner) -> None:
    """Theirs may send a lone terminator, to end what somebody left behind."""
    assert runner.command("") == ["e-[Unknown command: ]", "m-ready"]
    assert runner.command("name")[0] == "m-name-dut-[esp8k]"


# ==== Strings ====


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("nonsense", "e-[Unknown command: nonsense]"),
        ("db", "e-[Command 'db' requires a subcommand]"),
        ("db load", "e-[Command 'db load' requires the # of bytes]"),
        ("db load 0", "e-[Command 'db load' must be >0 bytes]"),
        ("db load -5", "e-[Command 'db load' must be >0 bytes]"),
        ("db load x", "e-[Command 'db load' must be >0 bytes]"),
        ("db load 785", "e-[Supplied buffer size exceeds maximum of 784]"),
        ("db load 99999999999", "e-[Command 'db load' must be >0 bytes]"),
        ("db 00", "e-[Command 'db' requires a 'db load' before]"),
        ("infer 0", "e-[Inference iterations must be >0]"),
        ("infer 1 -1", "e-[Inference warmup must be >=0]"),
        ("infer 100001", "e-[Inference iterations and warmup must be <=100000]"),
        ("infer 1 0", "e-[Input db has fewer bytes than expected: 784]"),
        ("results", "e-[No result yet: 'infer' first]"),
        ("engine int4", "e-[Command 'engine' requires int8 or f16]"),
        ("engine f16", "m-engine-[f16]"),
        ("db load 3", "m-[Expecting 3 bytes]"),
        ("x" * 81, "e-[Command longer than 80 characters]"),
    ],
)
def test_each_command_answers_and_is_ready(
    board: MemoryBoard, command: str, answer: str
) -> None:
    board.boot()
    assert say(board, f"{command}%") == answer.encode() + b"\r\n" + READY
    assert say(board, "name%") == b"m-name-dut-[esp8k]\r\n" + READY


def test_help_names_every_command(board: MemoryBoard) -> None:
    board.boot()
    text = say(board, "help%").decode()
    for word in ("name", "profile", "timestamp", "db", "load", "print", "infer"):
        assert word in text
    assert text.endswith("m-ready\r\n")


def load(board: MemoryBoard) -> None:
    board.boot()
    say(board, "db load 784%")
    for at in range(0, 784, CHUNK):
        say(board, f"db {IMAGES[0].tobytes()[at : at + CHUNK].hex()}%")


def test_infer_has_the_reference_defaults(board: MemoryBoard) -> None:
    load(board)
    text = say(board, "infer%")
    assert b"m-warmup-start-10\r\n" in text and b"m-infer-start-1\r\n" in text
    # Older runners leave the warm-ups out where there shall be none.
    text = say(board, "infer 3%")
    assert b"m-warmup-start-10\r\n" in text and b"m-infer-start-3\r\n" in text


def test_f16_results_are_those_of_the_other_engine(board: MemoryBoard) -> None:
    load(board)
    int8 = say(board, "infer 1 0%")
    assert say(board, "results%") in int8
    say(board, "engine f16%")
    assert say(board, "infer 1 0%").splitlines()[6] != int8.splitlines()[6]


def test_results_are_those_of_the_text_dialect(board: MemoryBoard) -> None:
    """Softmax of the real values; an INFER between does not change them."""
    load(board)
    say(board, "infer 1 0%")
    before = say(board, "results%")
    board.feed(encode(Request.INFER, 1, bytes(4) + IMAGES[5].tobytes())[0])
    assert say(board, "results%") == before
    values = [float(x) for x in before.decode().split("[")[1].split("]")[0].split(",")]
    assert np.abs(np.array(values) - softmax(IMAGES[0])).max() <= 0.000501


def test_a_byte_breaks_a_long_run_off_and_is_not_lost(board: MemoryBoard) -> None:
    load(board)
    board.slow(10_000)
    wire, _ = encode(Request.HELLO, 7, b"")
    board.during(wire[:1])
    said = say(board, "infer 100000 0%")
    assert b"m-infer-start-100000" in said and b"m-infer-done" not in said
    assert said.endswith(b"e-[Broken off after 100 inferences]\r\n" + READY)
    (reply,) = Splitter().feed(board.feed(wire[1:]))
    assert reply.sequence == 7
    board.during(b"n")
    said = say(board, "infer 1 100000%")  # in the warm-up, too
    assert b"m-warmup-done" not in said and b"e-[Broken off after" in said
    assert say(board, "ame%").startswith(b"m-name-dut-[")


def test_what_was_sent_ahead_does_not_break_a_short_run_off(board: MemoryBoard) -> None:
    load(board)
    board.slow(10_000)
    said = say(board, "infer 90 0%name%")
    assert b"m-infer-done" in said and b"m-name-dut" in said
    said = say(board, "infer 200 0%name%")
    assert b"e-[Broken off after 100 inferences]" in said and b"m-name-dut" in said


# ==== The reference's holes ====


def loaded(board: MemoryBoard) -> bytes:
    return say(board, "db print%")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("db load 785", b"e-[Supplied buffer size"),
        ("db 00112233445566", b"e-[Too many bytes: expecting 5]"),
        ("db 0", b"e-[Insufficent number of hex digits]"),
        ("db 00zz", b"e-[Invalid hex digit 'zz']"),
        ("db print 9", b"e-[Command 'db print' is limited to the 8 bytes"),
        ("db print 1 8", b"e-[Command 'db print' is limited to the 8 bytes"),
        ("d" * 100, b"e-[Command longer"),
    ],
)
def test_what_does_not_fit_leaves_the_buffer_as_it_was(
    board: MemoryBoard, command: str, error: bytes
) -> None:
    board.boot()
    say(board, "db load 8%")
    say(board, "db a1b2c3%")
    before = loaded(board)
    assert before.startswith(b"m-buffer-a1-b2-c3-00-")
    assert say(board, f"{command}%").startswith(error)
    assert loaded(board) == before
    assert say(board, "db d4e5f60708%") == b"m-load-done\r\n" + READY
    assert loaded(board) == b"m-buffer-a1-b2-c3-d4-e5-f6-07-08\r\n" + READY


def test_print_shows_eight_bytes_a_line_from_an_offset(board: MemoryBoard) -> None:
    board.boot()
    say(board, "db load 12%")
    say(board, "db 000102030405060708090a0b%")
    assert loaded(board).splitlines()[:2] == [
        b"m-buffer-00-01-02-03-04-05-06-07",
        b"m-buffer-08-09-0a-0b",
    ]
    assert say(board, "db print 3 9%") == b"m-buffer-09-0a-0b\r\n" + READY


def test_fragments_of_the_binary_dialect_end_a_text_load(board: MemoryBoard) -> None:
    """One buffer, two dialects: never the bytes of both."""
    board.boot()
    say(board, "db load 8%")
    board.feed(encode(Request.PUT, 1, bytes(5) + bytes(32))[0])
    assert say(board, "db 00%").startswith(b"e-[Command 'db' requires a 'db load'")


def test_both_dialects_take_turns(board: MemoryBoard) -> None:
    board.boot()
    wire, crc = encode(Request.HELLO, 1, b"")
    for _ in range(3):
        (frame,) = Splitter().feed(board.feed(wire))
        assert frame.payload[:4] == crc.to_bytes(4, "little")
        assert say(board, "name%\r\n").startswith(b"m-name-dut-[")
        assert say(board, "timestamp%").startswith(b"m-lap-us-")
