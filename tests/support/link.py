"""A board in memory with a model of no worth, behind nothing, a line or a PTY."""

import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import serial

from core.paths import ROOT
from tests.support.products import TEST_BUILD
from tools.boards import boards
from tools.faults.loopback import MemoryBoard, MemoryLine, build_library
from tools.link.client import Device

FAKE = ROOT / "firmware" / "fuzz" / "fake_model"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware with the fake model, as a shared library."""
    before = os.environ.get("ESP8K_BUILD")
    os.environ["ESP8K_BUILD"] = str(tmp_path_factory.mktemp("build"))
    try:
        return build_library(FAKE, "-Wall", "-Wextra", "-Wpedantic", "-Wshadow",
                             "-Wconversion", "-Werror")  # fmt: skip
    finally:
        if before is None:
            del os.environ["ESP8K_BUILD"]
        else:
            os.environ["ESP8K_BUILD"] = before


@pytest.fixture
def board(library: Path) -> MemoryBoard:
    """A board that has not booted."""
    return MemoryBoard(library)


@pytest.fixture
def line(board: MemoryBoard) -> MemoryLine:
    """A clean line to it, in virtual time."""
    return MemoryLine(board)


@pytest.fixture
def device(line: MemoryLine) -> Device:
    """The client at the other end of that line."""
    return Device(line)


def random_images(count: int, seed: int = 0) -> np.ndarray:
    """Images of noise: (count, 28, 28) uint8."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)


@contextmanager
def flashed_port(flashed: Callable[[str, str], Path], name: str) -> Iterator[str]:
    """A port with the flashed firmware of v2 behind it, on a board without hardware."""
    flashed("v2", name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESP8K_BUILD", str(TEST_BUILD))
        board = boards.choose(name, None, quiet=True)
        with boards.open_port(board, "v2") as port:
            Device.open(port).close()  # it has booted: no greeting comes late
            yield port


def at_rest(port: str) -> str:
    """Read off what an earlier host left behind: answers to what it sent twice.

    A board answers in order, so a runner's `name` comes after all of them.
    """
    with serial.Serial(port, 115200, timeout=10) as line:
        line.write(b"name%")
        assert line.read_until(b"m-ready\r\n").endswith(b"m-ready\r\n")
    return port


class PtyHost:
    """Something behind a PTY: `answer(bytes) -> bytes` is what it says."""

    def __init__(self, answer: Callable[[bytes], bytes], greeting: bytes = b"") -> None:
        self.master, self._slave = pty.openpty()
        tty.setraw(self.master)
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._answer = answer
        self._stop, self._stopped = os.pipe()
        os.write(self.master, greeting)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self.master, self._stop], [], [])
            if self._stop in ready:
                return
            out = self._answer(os.read(self.master, 4096))
            while out:
                out = out[os.write(self.master, out) :]

    def close(self) -> None:
        os.write(self._stopped, b"x")
        self._thread.join()
        for fd in (self.master, self._slave, self._stop, self._stopped):
            os.close(fd)


@pytest.fixture
def behind_pty() -> Iterator[Callable[..., PtyHost]]:
    """Make a PTY with something behind it."""
    hosts = []

    def make(answer: Callable[[bytes], bytes], greeting: bytes = b"") -> PtyHost:
        hosts.append(PtyHost(answer, greeting))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()
