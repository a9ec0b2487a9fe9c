"""A board's serial line for one page at a time; a board of ours that died is restarted.

Bytes go through as they are: the page speaks the protocol. The identity is checked
here once, at the start, so that a wrong board is refused before a page opens.
"""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from core.errors import DeviceError
from tools.boards import virtual_board
from tools.boards.boards import Board
from tools.link.client import DEFAULT_BAUD, Device
from tools.link.identity_lock import require_identity
from tools.link.transport import SerialTransport

NOTICED_S = 0.2  # how soon a closed line or a dead board is seen


class Held(DeviceError):
    """Another page has the board."""

    def __init__(self) -> None:
        super().__init__("another page has the board", "close that page")


class BoardLine:
    """The way to a board: a context manager; `connect` opens it for one page."""

    def __init__(self, board: Board, model: str, exported: Path) -> None:
        self.board = board
        self._model, self._exported = model, exported
        self._held = threading.Lock()
        self._running = contextlib.ExitStack()
        self.process: virtual_board.VirtualBoard | None = None  # a board of ours
        self._port = board.port or ""

    def __enter__(self) -> "BoardLine":
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def connect(
        self, heard: Callable[[bytes], None], gone: Callable[[str], None]
    ) -> "Connection":
        """Open the line; `heard` and `gone` are called from a thread of its own.

        Raises Held where another page has it, DeviceError where nothing is there.
        """
        if not self._held.acquire(blocking=False):
            raise Held
        try:
            if self.process is not None and not self.process.alive():
                self._start()
            transport = SerialTransport(self._port, DEFAULT_BAUD)
        except BaseException:
            self._held.release()
            raise
        return Connection(transport, self._is_there, heard, gone, self._held.release)

    def _is_there(self) -> bool:
        return self.process is None or self.process.alive()

    def _start(self) -> None:
        """Our own board is started; whatever hangs there must run this model."""
        self._running.close()
        if self.board.port is None:
            started = virtual_board.start(self._model, self.board.name)
            self.process = self._running.enter_context(started)
            self._port = self.process.port
        with Device.open(self._port) as device:
            require_identity(device, self._exported)


class Connection:
    """One page's open line."""

    def __init__(
        self,
        transport: SerialTransport,
        is_there: Callable[[], bool],
        heard: Callable[[bytes], None],
        gone: Callable[[str], None],
        released: Callable[[], None],
    ) -> None:
        self._transport, self._is_there = transport, is_there
        self._heard, self._gone, self._released = heard, gone, released
        self._closing = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Send what the page sent."""
        self._transport.write(data)

    def close(self) -> None:
        """Give the line back."""
        self._closing = True
        self._thread.join()

    def _read(self) -> None:
        why = ""
        try:
            while not self._closing:
                if data := self._transport.read(NOTICED_S):
                    self._heard(data)
                elif not self._is_there():
                    why = "the board's process has ended; connect to start it again"
                    break
        except DeviceError as error:
            why = error.message
        self._transport.close()
        self._released()
        if why:
            self._gone(why)
