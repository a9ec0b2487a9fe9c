"""PROTOCOL.md says what the code does: limits, codes, examples in hex."""

import re

import pytest

from core.paths import ROOT
from core.pixels import IMAGE_BYTES
from tests.support import layouts
from tools.faults.loopback import MemoryBoard
from tools.link import camera, fragments, framing, pace, pipeline, session
from tools.link.framing import Request
from tools.link.meeting import HELLO_BUDGET_S, HELLO_TRIES_S, NOISY_BUDGET_S

TEXT = (ROOT / "firmware" / "PROTOCOL.md").read_text()
HEADERS = "".join(
    (ROOT / "firmware" / name).read_text()
    for name in (
        "components/link/link_limits.h",
        "src/app_state.h",
        "src/command_codes.h",
    )
)
EXAMPLES = re.findall(r"```exchange\n(.*?)```", TEXT, re.DOTALL)


def constant(name: str) -> int:
    """A #define or an enumerator of the firmware."""
    found = re.search(rf"\b{name}(?: =)? \(?(0x[0-9A-Fa-f]+|\d+)u?\b", HEADERS)
    assert found, name
    return int(found[1], 0)


def limit(row: str) -> int:
    """The first number of a row of the limits' table."""
    found = re.search(rf"^\| {re.escape(row)} \| (\d+)", TEXT, re.MULTILINE)
    assert found, row
    return int(found[1])


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("longest request payload", "LINK_MAX_REQUEST_PAYLOAD_BYTES"),
        ("longest reply payload", "LINK_MAX_REPLY_PAYLOAD_BYTES"),
        ("requests unanswered at one time", "APP_WINDOW"),
        (
            "silence inside a frame after which the device gives it up",
            "APP_FRAME_IDLE_MS",
        ),
        ("stage bytes in one reply", "APP_STAGE_CHUNK_BYTES"),
        ("pixels in a piece of a frame", "APP_FRAME_PIECE_BYTES"),
        ("baud rates", "APP_MIN_BAUD"),
        ("a frame must come at a new rate within", "APP_BAUD_CONFIRM_MS"),
        (
            "silence at any rate but 115200 after which the device is back there",
            "APP_BAUD_IDLE_MS",
        ),
    ],
)
def test_a_limit_is_the_firmwares(row: str, name: str) -> None:
    assert limit(row) == constant(name)


def test_the_hosts_limits_are_the_firmwares() -> None:
    assert framing.MAX_REQUEST_PAYLOAD == constant("LINK_MAX_REQUEST_PAYLOAD_BYTES")
    assert framing.VERSION == constant("LINK_VERSION")
    assert fragments.FRAGMENT_BYTES == constant("APP_FRAGMENT_BYTES")
    assert camera.PIECE_BYTES == constant("APP_FRAME_PIECE_BYTES")
    assert f"9600 to {constant('APP_MAX_BAUD')}" in TEXT
    pieces = -(-IMAGE_BYTES // fragments.FRAGMENT_BYTES)
    last = IMAGE_BYTES - (pieces - 1) * fragments.FRAGMENT_BYTES
    assert f"{pieces}, of {fragments.FRAGMENT_BYTES} bytes, the last of {last}" in TEXT
    assert f"N and W up to {constant('APP_MAX_ITERATIONS')}" in TEXT


def test_the_clients_patience_is_as_written() -> None:
    assert f"every {HELLO_TRIES_S * 1000:.0f} ms" in TEXT
    assert f"after {HELLO_BUDGET_S:.0f} s of silence, {NOISY_BUDGET_S:.0f} s" in TEXT
    assert f"at least {pace.LEAST_TIMEOUT_S * 1000:.0f} ms" in TEXT
    assert f"{session.REQUEST_BUDGET_S:.0f} s for a request" in TEXT
    assert (pace.FIRST_TIMEOUT_S, pace.TIMEOUT_FACTOR) == (1.0, 4.0)
    assert pipeline.WHOLE_ATTEMPTS == 3


def test_request_types_are_one_in_text_host_and_firmware() -> None:
    rows = dict(re.findall(r"^\| (0x\d\d) \| (\w+) \|", TEXT, re.MULTILINE))
    assert {int(code, 16): name for code, name in rows.items()} == {
        request.value: request.name for request in Request
    }
    for request in Request:
        assert constant(f"REQUEST_{request.name}") == request.value
    assert constant("REPLY_MISSING") == framing.REPLY_MISSING
    assert constant("REPLY_ERROR") == framing.REPLY_ERROR


def test_error_codes_are_one_in_text_host_and_firmware() -> None:
    section = TEXT[TEXT.index("### Errors") : TEXT.index("### Versions")]
    rows = [int(code) for code in re.findall(r"^\| (\d) \|", section, re.MULTILINE)]
    assert rows == list(framing.Error) == list(framing.ERRORS)
    assert [constant(f"ERROR_{error.name}") for error in framing.Error] == rows


def test_the_document_has_four_examples() -> None:
    assert len(EXAMPLES) == 4


def test_the_device_answers_the_examples_as_written(board: MemoryBoard) -> None:
    board.boot()
    for example in EXAMPLES:
        answer = b""
        for line in example.splitlines():
            data = bytes.fromhex(line[2:])
            if line[0] == ">":
                assert answer == b""
                answer = board.feed(data)
            else:
                assert answer == data
                answer = b""


def test_the_host_encodes_the_examples_as_written() -> None:
    requests = re.findall(r"^> (.*)$", TEXT, re.MULTILINE)
    for wire in map(bytes.fromhex, requests):
        (frame,) = framing.Splitter().feed(wire)
        again = framing.encode(frame.type, frame.sequence, frame.payload)
        assert again == (wire, frame.crc)


def test_the_hello_has_the_fields_as_written(board: MemoryBoard) -> None:
    """Names and widths of the text give the size of what the device sends."""
    block = TEXT[TEXT.index("    engines:1") : TEXT.index("    length:1 model")]
    widths = re.findall(r":(float32|int32|\d+)", block)
    size = sum(4 if width.endswith("32") and len(width) > 2 else int(width)
               for width in widths)  # fmt: skip
    assert size == layouts.HELLO.size
    assert "length:1 model length:1 board boot_id:4\n" in TEXT
    board.boot()
    wire, _ = framing.encode(Request.HELLO, 1, b"")
    (frame,) = framing.Splitter().feed(board.feed(wire))
    names = b"\4fake\6memory"
    assert frame.payload[6 + size :] == names + (1).to_bytes(4, "little")
    block = TEXT[TEXT.index("    frames:4") : TEXT.index("### Errors")]
    assert sum(map(int, re.findall(r"\w:(\d)", block))) == layouts.STATISTICS.size
