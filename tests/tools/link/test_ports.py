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

from core.errors import EXIT_DEVICE, DeviceError
from tests.support.link import PtyHost, random_images
from tests.tools.link.test_client import fake_int8
from tools.faults.line import BOOT_TEXT, PANIC_TEXT
from tools.faults.loopback import MemoryBoard
from tools.link import meeting
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


def test_a_port_that_is_not_there() -> None:
    assert "no port /dev/ttyNOPE" in error_of("/dev/ttyNOPE").message


def test_a_socket_where_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "nothing answers" in error_of(f"socket://127.0.0.1:{port}").message


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


def test_a_device_behind_a_socket_answers(board: MemoryBoard) -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = server.accept()
        with peer:
            peer.sendall(board.boot())
            while data := peer.recv(4096):
                peer.sendall(board.feed(data))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = server.getsockname()[1]
    with Device.open(f"socket://127.0.0.1:{port}") as device:
        results = list(device.infer_many("int8", IMAGES))
    assert [r.logits.tolist() for r in results] == [fake_int8(i) for i in IMAGES]
    server.close()
    thread.join(timeout=5)


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
    transport = SerialTransport(behind_pty(lambda data: b"").port, 115200)
    with pytest.raises(DeviceError, match="cannot do -1 baud"):
        transport.set_baud(-1)
    assert transport.baud == 115200
    transport.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_device_behind_rfc2217_answers(
    behind_pty: Behind, board: MemoryBoard
) -> None:
    """A network serial port, as ser2net and esp_rfc2217_server give one."""
    from serial import rfc2217

    class Wire(serial.Serial):
        """A PTY has no modem lines to ask for."""

        cts = dsr = ri = cd = True

        def _update_dtr_state(self) -> None:
            pass

        _update_rts_state = _update_dtr_state

    board.boot()
    server = socket.create_server(("127.0.0.1", 0))
    behind = Wire(behind_pty(board.feed).port, timeout=0.01)

    def serve() -> None:
        peer, _ = server.accept()
        peer.settimeout(0.01)

        class Connection:
            write = staticmethod(peer.sendall)

        manager = rfc2217.PortManager(behind, Connection())
        while True:
            try:
                data = peer.recv(4096)
            except TimeoutError:
                data = None
            except OSError:
                return
            if data == b"":
                return
            if data:
                behind.write(b"".join(manager.filter(data)))
            answer = behind.read(behind.in_waiting)
            if answer:
                peer.sendall(b"".join(manager.escape(answer)))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = server.getsockname()[1]
    with Device.open(f"rfc2217://127.0.0.1:{port}") as device:
        assert device.session.transport.descriptor is None  # type: ignore[attr-defined]
        results = list(device.infer_many("int8", IMAGES))
    assert [r.logits.tolist() for r in results] == [fake_int8(i) for i in IMAGES]
    thread.join(timeout=5)
    behind.close()
    server.close()


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
    transport = SerialTransport(os.ttyname(slave), 115200)
    started = time.monotonic()
    transport.write(ASKED)
    heard = b""
    while data := transport.read(0.2):
        heard += data
    assert time.monotonic() - started < 5.0
    assert heard.count(b"what?") >= len(ASKED) // 64 * 20
    thread.join()
    transport.close()
    os.close(master)
    os.close(slave)
