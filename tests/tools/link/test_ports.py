"""Real ports: what is found there instead of a device, and a device over a PTY."""

import os
import random
import socket
import threading
import time
import tty
from collections.abc import Callable

import numpy as np
import pytest
import serial
from serial import serialutil

from core.errors import EXIT_DEVICE, EXIT_USAGE, DeviceError, Esp8kError
from tests.support.fake_model import fake_int8
from tests.support.link import PtyHost, random_images
from tests.support.network import far_away, rfc2217_server, socket_server
from tools.faults.line import BOOT_TEXT, PANIC_TEXT
from tools.faults.loopback import MemoryBoard
from tools.link import meeting, transport
from tools.link.client import Device
from tools.link.transport import SerialTransport

Behind = Callable[..., PtyHost]
ASKED = bytes(range(1, 51)) * 800  # 40,000 bytes: more than a PTY holds
IMAGES = random_images(40, seed=5)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of patience are tested once, not in every test."""
    monkeypatch.setattr(meeting, "HELLO_BUDGET_S", 0.3)
    monkeypatch.setattr(meeting, "NOISY_BUDGET_S", 0.3)
    monkeypatch.setattr(meeting, "HELLO_TRIES_S", 0.1)
    monkeypatch.setattr(meeting, "LEFT_RATES", ())


def error_of(port: str) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        Device.open(port).close()
    assert caught.value.code == EXIT_DEVICE and caught.value.hint
    return caught.value


def test_who_reads_or_writes_a_port_that_is_closed_is_told_soon() -> None:
    """Its number may be another port's by then, which would get the rest."""
    host, device = os.openpty()
    tty.setraw(device)
    line = SerialTransport(os.ttyname(device), 115200)
    told: list[str] = []

    def tell(work: Callable[[], object]) -> None:
        try:
            work()
        except DeviceError as error:
            told.append(error.message)

    threads = [
        threading.Thread(target=tell, args=(work,))
        for work in (lambda: line.read(30), lambda: line.write(ASKED * 2))
    ]
    for thread in threads:
        thread.start()
    while len(os.read(host, 100)) < 100:  # it writes, and will wait
        time.sleep(0.01)
    began = time.monotonic()
    line.close()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 2
    assert len(told) == 2 and all("is gone" in message for message in told)
    os.close(host)
    os.close(device)


def test_a_port_that_is_not_there() -> None:
    assert "no port /dev/ttyNOPE" in error_of("/dev/ttyNOPE").message


def test_a_socket_where_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "nothing answers" in error_of(f"socket://127.0.0.1:{port}").message


@pytest.mark.parametrize(
    "url",
    [
        *("socket://", "socket://host", "socket://[::1", "socket://127.0.0.1:99999"),
        *("rfc2217://x:y:z", "rfc2217://127.0.0.1:1?timeout=x", "http://host"),
        *("hwgrep://(", "loop://?logging=junk", "alt:///dev/null?class=None", "://"),
    ],
)
def test_an_address_that_is_none_is_no_silent_device(url: str) -> None:
    """'<=' not supported between instances: is the other side running?"""
    with pytest.raises(Esp8kError, match="is no address of a port") as caught:
        Device.open(url)
    assert caught.value.code == EXIT_USAGE and "socket://" in caught.value.hint


def test_a_port_that_another_program_has(behind_pty: Behind) -> None:
    host = behind_pty(lambda data: b"")
    with serial.Serial(host.port, exclusive=True):
        error = error_of(host.port)
    assert f"the port {host.port} is busy by" in error.message


def test_a_port_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/dev/ttyUSB0")

    monkeypatch.setattr(os, "open", refuse)
    error = error_of("/dev/ttyUSB0")
    assert "no permission" in error.message and "dialout" in error.hint


@pytest.mark.usefixtures("impatient")
def test_a_port_that_sends_back_what_it_gets_is_named() -> None:
    """It was "the device never answers"."""
    with pytest.raises(DeviceError, match="what is sent to it comes back") as caught:
        Device.open("loop://")
    assert "TX and RX" in caught.value.hint


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("said", "message"),
    [
        (b"", "never answers"),
        (random.Random(0).randbytes(300), "answers noise"),
        (b"MicroPython v1.22 on ESP32\r\n>>> ", "another firmware.*>>>"),
        (b"m-init-done\r\nm-ready\r\n", "MLPerf dialect"),
        (BOOT_TEXT + PANIC_TEXT, "crashed: \"Guru Meditation Error: Core  0"),
        (BOOT_TEXT * 4, "loses its power again and again"),
        (b"rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT)\r\nwaiting for download",
         "bootloader"),
        (b"invalid header: 0xffffffff\r\n", "holds no firmware"),
    ],
)  # fmt: skip
def test_what_answers_instead_of_a_device_is_named(
    behind_pty: Behind, said: bytes, message: str
) -> None:
    with pytest.raises(DeviceError, match=message):
        Device.open(behind_pty(lambda data: said).port)


@pytest.mark.usefixtures("impatient")
def test_a_device_of_another_protocol_version_is_named(behind_pty: Behind) -> None:
    from tools.link.framing import REPLY, Request, Splitter, encode

    splitter = Splitter()

    def answer(data: bytes) -> bytes:
        return b"".join(
            encode(
                Request.HELLO | REPLY,
                frame.sequence,
                frame.crc.to_bytes(4, "little") + b"\1\1",
                version=2,
            )[0]
            for frame in splitter.feed(data)
        )

    with pytest.raises(DeviceError, match="speaks protocol 2, we speak 1"):
        Device.open(behind_pty(answer).port)


def test_a_device_behind_a_pty_boots_late_and_answers(
    behind_pty: Behind, board: MemoryBoard
) -> None:
    """The ROM's text and our banner come first, the first hello finds nobody."""
    heard = []

    def answer(data: bytes) -> bytes:
        heard.append(data)
        if len(heard) == 1:
            return BOOT_TEXT[:50]
        if len(heard) == 2:
            return BOOT_TEXT[50:] + board.boot()
        return board.feed(data)

    with Device.open(behind_pty(answer).port) as device:
        results = list(device.infer_many("int8", IMAGES))
        assert device.infer("f16", IMAGES[0]).logits.dtype == np.float32
    assert [r.logits.tolist() for r in results] == [fake_int8(i) for i in IMAGES]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_a_device_behind_a_slow_network_answers(
    board: MemoryBoard,
    behind_pty: Behind,
    scheme: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Longer away than pyserial waits, whose clock runs ten times as fast here."""
    hurried = staticmethod(lambda: 10 * time.monotonic())
    monkeypatch.setattr(serialutil.Timeout, "TIME", hurried)
    if scheme == "socket":
        near = socket_server(board)
    else:
        board.boot()
        near = rfc2217_server(behind_pty(board.feed).port)
    with near as port, far_away(port, 0.32) as url:
        with Device.open(f"{scheme}://{url}") as device:
            results = list(device.infer_many("int8", IMAGES[:9]))
            assert device.session.counts.retries == 0 and device.resets == 0
    assert [r.logits.tolist() for r in results] == [fake_int8(i) for i in IMAGES[:9]]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_does_not_speak_rfc2217_is_not_called_silent(
    board: MemoryBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "NETWORK_S", 0.1)
    with socket_server(board) as port:
        error = error_of(f"rfc2217://127.0.0.1:{port}")
    assert "does not speak RFC 2217" in error.message and "socket://" in error.hint


def test_a_port_that_vanishes_is_reported(
    behind_pty: Behind, board: MemoryBoard
) -> None:
    board.boot()
    host = behind_pty(board.feed)
    device = Device.open(host.port)
    os.close(host.master)
    host.master = os.open(os.devnull, os.O_RDONLY)
    with pytest.raises(DeviceError, match="gone|no answer"):
        device.statistics()
    with pytest.raises(DeviceError, match="gone"):  # termios has errors of its own
        device.session.transport.set_baud(921600)
    device.close()


def test_a_rate_that_the_port_cannot_have_is_said(behind_pty: Behind) -> None:
    line = SerialTransport(behind_pty(lambda data: b"").port, 115200)
    with pytest.raises(DeviceError, match="cannot do -1 baud"):
        line.set_baud(-1)
    assert line.baud == 115200
    line.close()


def test_a_device_that_says_more_than_it_is_told_does_not_lock_the_line() -> None:
    """After a reset in mid-frame an image is text: every command of it is answered.
    Who writes without reading then waits for a device that waits for a reader."""
    master, slave = os.openpty()
    tty.setraw(slave)
    tty.setraw(master)

    def chatty() -> None:
        left = len(ASKED)
        while left:
            left -= len(os.read(master, 64))
            os.write(master, b"e-[what?]\r\n" * 20)

    thread = threading.Thread(target=chatty, daemon=True)
    thread.start()
    line = SerialTransport(os.ttyname(slave), 115200)
    started = time.monotonic()
    line.write(ASKED)
    heard = b""
    while data := line.read(0.2):
        heard += data
    assert time.monotonic() - started < 5.0
    assert heard.count(b"what?") >= len(ASKED) // 64 * 20
    thread.join()
    line.close()
    os.close(master)
    os.close(slave)
