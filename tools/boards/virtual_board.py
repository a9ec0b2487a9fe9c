"""Run the flashed firmware on an emulated core, or as a process, behind a PTY.

    esp8k virtual-board --model v3 --board virtual

prints the path of a pseudo-terminal and stays: any serial program can talk to it.
A VirtualBoard owns the emulator. It keeps both ends of the PTY open, so the line
outlives a reset: when the firmware leaves with the exit status of a reset or of a
panic, the board starts it again with the next boot number, as real silicon does.
"""

import contextlib
import os
import pty
import secrets
import shutil
import subprocess
import threading
import time
import tty
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import cli
from core.errors import DeviceError, Esp8kError
from core.files import scratch
from core.inputs import FIRMWARE_BYTES, read_bytes
from core.paths import model_dir
from core.program import run
from core.saying import say
from core.words import DEFAULT_MODEL, ModelName
from tools.boards import image_format
from tools.boards.catalogue import Local

EXIT_RESET = 3  # of firmware/port/exit_status.h
EXIT_PANIC = 4
REASON_POWER_ON, REASON_SOFTWARE, REASON_PANIC = 1, 2, 3  # hal_reset_t
ICOUNT_SHIFT = 10  # 2^10 ns an instruction: 40.96 ticks of CCOUNT, so exact
STOP_TIMEOUT_S = 5.0  # after SIGKILL; only a host in trouble needs it
PANICS_IN_A_ROW = 20  # then the board is given up as broken
PANIC_LOOP_S = 1.0  # a boot that lives longer than this ends the row
RISCV_PARAMETERS = 0x80100000
RISCV_MAGIC = 0x6B387065
QEMU = {"virtual": "qemu-system-xtensa", "riscv": "qemu-system-riscv32"}
CORE = "de233_fpu"  # has what the ESP32's kernels need, MULSH by a trap of the port's
MEMORY_MIB = 1025  # up to the ESP32's IRAM; what is not touched takes none
QUIET = ["-display", "none", "-monitor", "none"]


@dataclass(frozen=True)
class Config:
    """Options of `esp8k virtual-board`."""

    model: ModelName = DEFAULT_MODEL  # whose firmware
    board: Local = "virtual"  # which board
    count: bool = False  # count instructions exactly (slower)


def main(argv: Sequence[str] | None = None) -> int:
    """Start a board, print its port, stay until interrupted."""
    config = cli.parse(Config, argv, "virtual-board", __doc__ or "")
    with start(config.model, config.board, config.count) as board:
        print(board.port, flush=True)
        say(f"{config.board} is there until Ctrl-C")
        try:
            board.wait()
        except KeyboardInterrupt:
            return 0
    raise board.failure()


def start(model: str, board: str, count: bool = False) -> "VirtualBoard":
    """The board with what was flashed last: a context manager with a `port`."""
    folder = model_dir(model) / board
    flashed = folder / ("flashed.bin" if board == "virtual" else "firmware.elf")
    if not flashed.exists():
        raise Esp8kError(
            f"{board} has no firmware of {model}",
            f"run: make flash MODEL={model} BOARD={board}",
        )
    if board != "twin":
        require_emulator(board)
    return VirtualBoard(board, flashed, count)


def require_emulator(board: str) -> None:
    """One line with the cure when QEMU is not installed."""
    if board in QEMU and not shutil.which(QEMU[board]):
        raise Esp8kError(
            f"{board} needs {QEMU[board]}, which is not installed",
            "apt-get install qemu-system-misc   (or use BOARD=twin)",
        )


# ==== The board ===============================================================


class VirtualBoard:
    """One running emulator or twin behind a PTY."""

    def __init__(self, board: str, firmware: Path, count: bool = False) -> None:
        self.board = board
        self.firmware = firmware
        self.count = count
        self.boots = 0
        self.first_id = secrets.randbits(32)  # of the boot ids: power came on now
        self.port = ""
        self.status: int | None = None  # of the process, when it ended for good
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closing = False
        self._pressed = False  # the reset button
        self._spawned = threading.Event()

    def __enter__(self) -> "VirtualBoard":
        self._scratch = contextlib.ExitStack()
        self._folder = self._scratch.enter_context(scratch())
        self._command = self.command(self._folder)
        self._log = (self._folder / "stderr").open("w+b")
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._thread = threading.Thread(target=self._supervise, daemon=True)
        self._thread.start()
        self._spawned.wait(STOP_TIMEOUT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process, give the PTY back. Safe to call twice."""
        with self._lock:
            already, self._closing = self._closing, True
            if self._process is not None:
                self._process.kill()  # a blocked simcall ignores SIGTERM
        self._thread.join(STOP_TIMEOUT_S)
        if already:
            return
        os.close(self._master)
        os.close(self._slave)
        self._log.close()
        self._scratch.close()

    def press_reset(self) -> None:
        """The button of a real board: whatever it does, it starts anew."""
        with self._lock:
            if self._process is not None and not self._closing:
                self._pressed = True
                self._process.kill()

    @property
    def pid(self) -> int | None:
        """The process of the present boot."""
        return self._process.pid if self._process else None

    def alive(self) -> bool:
        """Whether the board still runs (a reset does not end it)."""
        return self.status is None

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it ends for good; whether it did."""
        self._thread.join(timeout_s)
        return not self.alive()

    def failure(self) -> DeviceError:
        """Why it no longer runs."""
        if self.status == EXIT_PANIC:
            return DeviceError(
                f"{self.board}: the firmware panicked {PANICS_IN_A_ROW} times in a row",
                "its panic line names the cause and the program counter",
            )
        self._log.seek(0)
        told = self._log.read().decode(errors="replace").strip().splitlines()
        return DeviceError(
            f"{self.board} ended with status {self.status}",
            told[-1] if told else "run: make flash",
        )

    # ---- the process ----

    def _supervise(self) -> None:
        """Start, wait, start again after a reset. The only thread that spawns:
        the kernel's parent-death signal belongs to the thread that forked."""
        reason, panics = REASON_POWER_ON, 0
        while True:
            with self._lock:
                if self._closing:
                    return
                self.boots += 1
                started = time.monotonic()
                self._process = self._spawn(reason)
            self._spawned.set()
            status = self._process.wait() if self._process else 127
            if self._pressed:
                self._pressed, reason = False, REASON_POWER_ON
                continue
            lived = time.monotonic() - started
            panics = panics + 1 if status == EXIT_PANIC and lived < PANIC_LOOP_S else 0
            if status not in (EXIT_RESET, EXIT_PANIC) or panics >= PANICS_IN_A_ROW:
                self.status = status
                return
            reason = REASON_SOFTWARE if status == EXIT_RESET else REASON_PANIC

    def _spawn(self, reason: int) -> "subprocess.Popen[bytes] | None":
        try:
            return subprocess.Popen(
                die_with_parent(self._command(self.boots, reason)),
                stdin=self._master,
                stdout=self._master,
                stderr=self._log,
                start_new_session=True,
            )
        except OSError as error:
            self._log.write(f"{error}\n".encode())
            return None

    def command(self, folder: Path) -> Callable[[int, int], list[str]]:
        """Boot number and reset reason to a command line; its files in `folder`."""
        makers = {"virtual": self._xtensa, "riscv": self._riscv, "twin": self._twin}
        return makers[self.board](folder)

    def _twin(self, folder: Path) -> Callable[[int, int], list[str]]:
        program = folder / "twin"  # a rebuild must not touch a running one
        shutil.copy2(self.firmware, program)
        first = f"i{self.first_id}"
        return lambda boots, reason: [str(program), f"b{boots}", f"r{reason}", first]

    def _xtensa(self, folder: Path) -> Callable[[int, int], list[str]]:
        """QEMU with the segments of the flashed image where the ROM puts them."""
        raw = read_bytes(self.firmware, FIRMWARE_BYTES, "a firmware")
        image = image_format.parse(raw, str(self.firmware))
        loads: list[str] = []
        pieces = [(segment.address, segment.data) for segment in image.segments]
        pieces.append((image_format.RESET_ADDRESS, image_format.reset_stub(image)))
        for number, (address, data) in enumerate(pieces):
            path = folder / f"segment{number}.bin"
            path.write_bytes(data)
            loads += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
        shift = ICOUNT_SHIFT if self.count else 0
        icount = ["-icount", f"shift={shift},sleep=off"] if shift else []

        def command(boots: int, reason: int) -> list[str]:
            options = f"enable=on,arg=fw,arg=b{boots},arg=r{reason},arg=c{shift}"
            options += f",arg=i{self.first_id}"
            machine = [QEMU["virtual"], "-M", "sim", "-cpu", CORE, *QUIET]
            machine += ["-m", f"{MEMORY_MIB}M", "-serial", "none"]
            machine += ["-semihosting-config", options]
            return [*machine, *icount, *loads]

        return command

    def _riscv(self, folder: Path) -> Callable[[int, int], list[str]]:
        """QEMU's virt with its UART on our PTY; no image format in between."""
        program = folder / "riscv.elf"
        shutil.copy2(self.firmware, program)
        icount = ["-icount", "shift=0"] if self.count else []

        def command(boots: int, reason: int) -> list[str]:
            words = (RISCV_MAGIC, boots, reason, int(self.count), self.first_id)
            block = b"".join(word.to_bytes(4, "little") for word in words)
            path = folder / "parameters.bin"
            path.write_bytes(block)
            load = f"loader,file={path},addr={RISCV_PARAMETERS:#x},force-raw=on"
            machine = [QEMU["riscv"], "-M", "virt", "-m", "8M", "-bios", "none", *QUIET]
            machine += ["-chardev", "stdio,id=line,signal=off", "-serial"]
            return [
                *machine,
                *["chardev:line", "-device", load, *icount, "-kernel", str(program)],
            ]

        return command


def die_with_parent(command: list[str]) -> list[str]:
    """The command, killed by the kernel when we die (Linux)."""
    helper = shutil.which("setpriv")
    return [helper, "--pdeathsig", "KILL", "--", *command] if helper else command


if __name__ == "__main__":
    run(main)
