"""PROTOCOL.md is enough: a client written from it alone talks to the firmware."""

import ast
import json
import random
import re
import select
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import serial
from cobs import cobs
from hypothesis import example, given
from hypothesis import strategies as st

from core.paths import ROOT
from export.reference.prepare import prepare
from tests.support.fake_model import fake_int8
from tests.support.link import flashed_port, random_images
from tests.support.products import TEST_BUILD
from tools.bench.prepare import some_frames
from tools.faults.loopback import MemoryBoard
from tools.soak import document, second_client
from tools.soak.second_client import (
    FLOAT16,
    HELLO,
    INFER,
    INT8,
    PUT,
    SET_BAUD,
    STAGE_BYTES,
    STAGE_CRCS,
    STATISTICS,
    Client,
    Refused,
)

ARRAYS = random_images(4, seed=33)
IMAGES = [image.tobytes() for image in ARRAYS]
TEXT = (ROOT / "firmware" / "PROTOCOL.md").read_text()
LOSSY = 0.1  # of the writes


class Board:
    """The firmware in this process, as a line."""

    def __init__(self, board: MemoryBoard, loss: float = 0.0) -> None:
        self.board, self.loss = board, loss
        self.waiting = board.boot()
        self.draw = random.Random(1)

    def write(self, data: bytes) -> None:
        if self.draw.random() >= self.loss:
            self.waiting += self.board.feed(data)

    def read(self, seconds: float) -> bytes:
        data, self.waiting = self.waiting, b""
        return data


class Port(serial.Serial):
    """A real port, as a line."""

    def read(self, seconds: float) -> bytes:  # type: ignore[override]
        ready, _, _ = select.select([self.fileno()], [], [], seconds)
        return super().read(self.in_waiting) if ready else b""


@pytest.mark.parametrize("module", [second_client, document])
def test_it_imports_nothing_of_ours(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text())
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or ".").split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert names <= set(sys.stdlib_module_names)


@given(st.binary(max_size=800))
@example(b"")
@example(b"\xff" * 254)
@example(b"\xff" * 508 + b"\0")
@example(b"\0" + b"\1" * 254 + b"\0\0")
def test_its_cobs_is_the_one_of_the_world(data: bytes) -> None:
    assert second_client.stuff(data) == cobs.encode(data)
    assert second_client.unstuff(cobs.encode(data)) == data


def test_it_reads_and_writes_the_examples() -> None:
    for direction, digits in re.findall(r"^([<>]) (.*)$", TEXT, re.MULTILINE):
        wire = bytes.fromhex(digits)
        found = second_client.unpack(wire.strip(b"\0"))
        assert found is not None
        again, crc = second_client.pack(*found)
        assert again == wire
        if direction == ">":
            asked = crc
        else:
            assert int.from_bytes(found[2][:4], "little") == asked
    assert "0xD4242C43" in TEXT
    assert second_client.pack(7, 0x1234, b"")[1] == 0xD4242C43


@pytest.mark.parametrize("loss", [0.0, LOSSY])
def test_it_does_all_that_the_document_offers(board: MemoryBoard, loss: float) -> None:
    client = Client(Board(board, loss), try_s=0.001)  # this line is never slow
    hello = client.hello()
    assert (hello["model"], hello["board"]) == ("fake", "memory")
    assert (hello["image_bytes"], hello["window"]) == (784, 16)
    assert hello["boot_id"] == hello["boot_count"] == client.boot == 1
    assert hello["identity_crc"] & 0xFF == client.identity
    for array, image in zip(ARRAYS, IMAGES, strict=True):
        label, logits = client.infer(INT8, image)
        assert logits == fake_int8(array) and logits[label] == max(logits)
        assert client.infer_in_pieces(INT8, image) == (label, logits)
        label, logits = client.infer(FLOAT16, image)
        assert client.infer_in_pieces(FLOAT16, image) == (label, logits)
    for frame in some_frames(2, 3, 20_000):
        pixels = prepare(frame).pixels
        told = client.infer_frame(INT8, frame.tobytes(), *frame.shape[::-1])
        label, logits, crc = told
        assert logits == fake_int8(pixels) and logits[label] == max(logits)
        assert crc == zlib.crc32(pixels.tobytes())
    stages = [client.stage(INT8, n, IMAGES[0]) for n in range(hello["int8_stages"])]
    assert client.stage_crcs(INT8, IMAGES[0]) == [zlib.crc32(s) for s in stages]
    counts = client.statistics()
    assert counts["inferences"] >= 16 and counts["boot_count"] == 1
    with pytest.raises(Refused) as refused:
        client.ask(SET_BAUD, (921600).to_bytes(4, "little"))
    assert refused.value.args == (7, SET_BAUD)


HEAD = bytes(4)
REFUSED = {
    "payload where none is wanted": (HELLO, b"x", 3),
    "and for the counts": (STATISTICS, bytes(784), 3),
    "one byte too many": (INFER, HEAD + bytes(785), 3),
    "longer than any request": (INFER, HEAD + bytes(789), 3),
    "much longer": (STAGE_CRCS, bytes(4000), 3),
    "longer, and no such request": (0x40, bytes(4000), 2),
    "a reserved byte": (INFER, bytes([0, 0, 1, 0]) + bytes(784), 6),
    "the last of them": (STAGE_CRCS, bytes([1, 0, 0, 255]) + bytes(784), 6),
    "no such engine": (INFER, bytes([2, 0, 0, 0]) + bytes(784), 4),
    "no such stage": (STAGE_BYTES, bytes([0, 99, 1, 0, 0, 0, 0, 0]) + bytes(784), 5),
    "no length": (STAGE_BYTES, bytes(8) + bytes(784), 6),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_document_refuses_is_refused(board: MemoryBoard, name: str) -> None:
    kind, payload, code = REFUSED[name]
    with pytest.raises(Refused) as refused:
        Client(Board(board)).ask(kind, payload)
    assert refused.value.args == (code, kind)


def test_a_piece_that_is_wrong_is_counted_and_not_answered(board: MemoryBoard) -> None:
    line = Board(board)
    client = Client(line)
    before = client.statistics()["errors"]
    for payload in (
        b"",
        bytes(5),
        bytes(5 + 33),
        b"\0\0\0\0\x19" + bytes(32),
        bytes(900),
    ):
        line.write(second_client.pack(PUT, 1, payload)[0])
        assert line.read(0) == b""
    assert client.statistics()["errors"] == before + 5


@pytest.mark.parametrize("offset", [783, 784, 785, 0xFFFFFFFF])
def test_behind_a_stages_end_there_is_nothing(board: MemoryBoard, offset: int) -> None:
    head = bytes([INT8, 0]) + (256).to_bytes(2, "little") + offset.to_bytes(4, "little")
    answer = Client(Board(board)).ask(STAGE_BYTES, head + IMAGES[0])
    assert answer[:4] == (784).to_bytes(4, "little")
    assert answer[4:] == IMAGES[0][offset:]


@pytest.fixture(params=["twin", pytest.param("virtual", marks=pytest.mark.emulator)])
def port(
    request: pytest.FixtureRequest, flashed: Callable[[str, str], Path]
) -> Iterator[Port]:
    with flashed_port(flashed, request.param) as name:
        with Port(name, 115200, timeout=0) as line:
            yield line


def test_it_talks_to_the_real_firmware_over_a_port(port: Port) -> None:
    client = Client(port)
    hello = client.hello()
    plan = json.loads((TEST_BUILD / "v2" / "plan.json").read_text())
    assert hello["sha256"].hex() == plan["weights_hash"]
    for image in IMAGES[:2]:
        whole = client.infer(INT8, image)
        assert client.infer_in_pieces(INT8, image) == whole
    last = client.stage(INT8, hello["int8_stages"] - 1, IMAGES[1])
    assert client.stage_crcs(INT8, IMAGES[1])[-1] == zlib.crc32(last)
    assert client.statistics()["stack_used_bytes"] > 0
