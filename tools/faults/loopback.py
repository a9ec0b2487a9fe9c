"""The firmware in this very process, behind a line that runs in virtual time.

The firmware's C and a generated model are built as a shared library over
firmware/port/memory. `MemoryLine` is a `transport.Transport`
to it: every byte takes its time at the line's baud rate, but nobody waits for it.
So a hundred thousand requests with seconds of timeouts take minutes, and the same
seed gives the same run.
"""

import ctypes
import hashlib
from collections import deque
from pathlib import Path

from core import family
from core.errors import Esp8kError
from core.files import replacing, scratch
from core.paths import build_root
from tools.boards.sources import FIRMWARE, compiled, includes
from tools.faults.line import BOOT_TEXT, PANIC_TEXT, FaultyLine
from tools.link.pace import BITS_A_BYTE

PORT = "memory"  # of firmware/port
HOST_FLAGS = ("-std=c99", "-O2", "-ffp-contract=off", "-fPIC", "-shared")
RESET_PANIC = 3  # hal_reset_t
PIECE_BYTES = 256  # that arrive together: what a UART's driver hands over
BOOT_S = 1.0  # a board that resets is deaf for so long


def sources(component: Path, firmware: Path = FIRMWARE) -> list[Path]:
    """Every C file of the firmware over the memory port, with `component`'s model."""
    model = sorted((component / "src").glob("*.c")) or sorted(component.glob("*.c"))
    if not model:
        raise Esp8kError(f"no model in {component}", "run: make export")
    return [*compiled(PORT, firmware), *model]


def build_library(component: Path, *extra: str) -> Path:
    """The shared library for a component folder; built once for the same sources."""
    files = sources(component)
    flags = [*HOST_FLAGS, *extra, *includes(component, PORT)]
    digest = hashlib.sha256(" ".join(flags).encode())
    headers = [
        header
        for flag in includes(component, PORT)
        for header in Path(flag[2:]).glob("*.h")
    ]
    for file in [*files, *sorted(headers)]:
        digest.update(file.read_bytes())
    library = build_root() / "memory_board" / f"{digest.hexdigest()[:16]}.so"
    if library.exists():
        return library
    library.parent.mkdir(parents=True, exist_ok=True)
    with replacing(library) as fresh:
        command = ["gcc", *flags, *map(str, files), "-o", str(fresh)]
        built = family.heard(command)
        if built.returncode != 0:
            raise Esp8kError(f"the firmware does not build:\n{built.stderr.strip()}")
    return library


class MemoryBoard:
    """The firmware, fed by hand."""

    def __init__(self, library: Path) -> None:
        # A copy of its own for each board: the library holds one board's state.
        with scratch() as folder:
            own = folder / "board.so"
            own.write_bytes(library.read_bytes())
            self._library = ctypes.CDLL(str(own))  # mapped: the file may go
        self._library.memory_output.restype = ctypes.POINTER(ctypes.c_uint8)
        self._library.memory_time.restype = ctypes.c_uint64
        self._library.memory_feed.argtypes = (
            ctypes.c_char_p,
            ctypes.c_uint32,
            ctypes.c_uint64,
        )
        self.boots = 0

    def forget(self, first_id: int) -> None:
        """Lose the power: the boot count begins anew, the boot's id elsewhere."""
        self.boots = 0
        self._library.memory_first_id(ctypes.c_uint32(first_id))

    def boot(self, reason: int = 1) -> bytes:
        """Start (again); what it prints."""
        self.boots += 1
        self._library.memory_boot(self.boots, reason)
        return self._take()

    def feed(self, data: bytes, time_us: int = 1) -> bytes:
        """Bytes in, bytes out."""
        self._library.memory_feed(data, len(data), time_us)
        return self._take()

    def during(self, data: bytes) -> None:
        """What it finds if it looks while it is busy with the next command."""
        self._library.memory_during(data, len(data))

    def slow(self, compute_us: int) -> None:
        """Let each inference take so long from now on."""
        self._library.memory_slow(ctypes.c_uint64(compute_us))

    @property
    def time_us(self) -> int:
        """Its clock: what `feed` said, and the inferences since."""
        return int(self._library.memory_time())

    def allow_baud(self) -> None:
        """Give it a UART whose rate can be set (before it boots)."""
        self._library.memory_allow_baud(1)

    @property
    def baud(self) -> int:
        return int(self._library.memory_baud())

    def _take(self) -> bytes:
        length = self._library.memory_output_length()
        data = ctypes.string_at(self._library.memory_output(), length)
        self._library.memory_take_output()
        return data


class MemoryLine:
    """A serial line to a `MemoryBoard`, with or without faults, in virtual time."""

    name = "memory"

    def __init__(
        self,
        board: MemoryBoard,
        up: FaultyLine | None = None,
        down: FaultyLine | None = None,
        baud: int = 115200,
        compute_s: float = 0.003,
        buffer_bytes: int = 16384,
    ) -> None:
        self.board = board
        self.baud = baud
        self.now = 0.0
        self.follows_baud = True  # False: our side stays behind when told to switch
        self.reads = 0
        self.up, self.down = up, down
        board.slow(round(compute_s * 1e6))
        self._busy_until = 0.0  # the board computes: bytes wait in its driver,
        self._buffer_bytes = buffer_bytes  # at most so many,
        self._waiting: deque[tuple[float, int]] = deque()  # until then, so many
        self.overflowed = 0  # bytes that found that buffer full
        self._up_free = self._down_free = 0.0  # when each direction is idle again
        self._to_board: deque[tuple[float, bytes]] = deque()
        self.to_host: deque[tuple[float, bytes]] = deque()
        self._deaf_until = 0.0
        self._answer(board.boot())

    # ==== Transport ====

    def read(self, timeout_s: float) -> bytes:
        self.reads += 1
        end = self.now + max(0.0, timeout_s)
        while True:
            first = self.to_host[0][0] if self.to_host else end
            if self._to_board and self._to_board[0][0] <= min(first, end):
                self._deliver()
            elif self.to_host and first <= end:
                at, data = self.to_host.popleft()
                self.now = max(self.now, at)
                return data
            else:
                self.now = end
                return b""

    def write(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE_BYTES):
            piece, late = data[at : at + PIECE_BYTES], 0.0
            took = len(piece) * BITS_A_BYTE / self.baud
            if self.up is not None:
                piece, late = self.up.send(piece, self.now)
            self._up_free = max(self._up_free, self.now) + took + late
            self._to_board.append((self._up_free, piece))

    def set_baud(self, baud: int) -> None:
        if self.follows_baud:
            self.baud = baud

    def clock(self) -> float:
        return self.now

    def close(self) -> None:
        pass

    # ==== The board's side ====

    def reset(self, panic: bool = True) -> None:
        """The board crashes now: panic text, boot text, a while of deafness."""
        while self._to_board and self._to_board[0][0] <= self.now:
            self._deliver()
        self._answer(PANIC_TEXT * panic + BOOT_TEXT)
        self._deaf_until = self.now + BOOT_S
        self._down_free = max(self._down_free, self._deaf_until)
        self._answer(self.board.boot(RESET_PANIC))

    def _deliver(self) -> None:
        at, data = self._to_board.popleft()
        if at < self._deaf_until:
            return
        while self._waiting and self._waiting[0][0] <= at:
            self._waiting.popleft()
        if sum(count for _, count in self._waiting) + len(data) > self._buffer_bytes:
            self.overflowed += len(data)
            return
        if self.board.baud != self.baud:
            data = bytes(byte ^ 0xA5 for byte in data)  # the wrong rate: noise
        start = max(at, self._busy_until)
        self._waiting.append((start, len(data)))
        out = self.board.feed(data, max(1, round(start * 1e6)))
        self._busy_until = max(start, self.board.time_us / 1e6)
        if out:
            self._answer(out, self._busy_until)

    def _answer(self, data: bytes, at: float = 0.0) -> None:
        late = 0.0
        took = len(data) * BITS_A_BYTE / self.baud
        if self.down is not None:
            data, late = self.down.send(data, max(at, self.now))
        self._down_free = max(self._down_free, at, self.now) + took + late
        self.to_host.append((self._down_free, data))
