"""A faulty line between a client and a real port.

    esp8k proxy --port /dev/ttyUSB0 --rate 0.01 --seed 0

prints the name of a PTY: what is written there reaches the port with the faults of
`tools.faults.line`, and the same the other way. Runs until interrupted.
"""

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.cli import SEEDS, parse, require_range
from core.errors import DeviceError, Esp8kError
from core.program import run
from tools.faults.line import Faults, FaultyLine
from tools.link.client import DEFAULT_BAUD
from tools.link.transport import READ_BYTES, SerialTransport

POLL_S = 0.05  # how soon a proxy notices that it is to stop


class FaultyProxy:
    """`port` is the PTY to open; use it as a context manager."""

    def __init__(
        self, device: str, faults: Faults, seed: int, baud: int = DEFAULT_BAUD
    ) -> None:
        if os.name != "posix":
            raise Esp8kError("the proxy needs PTYs", "run it on Linux or macOS")
        import pty
        import tty

        self._device = SerialTransport(device, baud)
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self.up = FaultyLine(faults, 2 * seed)
        self.down = FaultyLine(faults, 2 * seed + 1)
        os.set_blocking(self._master, False)  # a client may read nothing
        self._stop = threading.Event()
        self._error: DeviceError | None = None
        self._threads = [
            threading.Thread(target=self._repeat, args=(work,), daemon=True)
            for work in (self._upwards, self._downwards)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "FaultyProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._device.close()  # which ends a read and a write of it
        for thread in self._threads:
            thread.join()
        os.close(self._master)
        os.close(self._slave)

    def wait(self) -> None:
        """Until it is interrupted; raises DeviceError when the device is gone."""
        self._stop.wait()
        if self._error is not None:
            raise self._error

    def _repeat(self, work: Callable[[], None]) -> None:
        try:
            while not self._stop.is_set():
                work()
        except DeviceError as error:
            if not self._stop.is_set():
                self._error = error
                self._stop.set()

    def _upwards(self) -> None:
        if select.select([self._master], [], [], POLL_S)[0]:
            sent = os.read(self._master, READ_BYTES)
            data, late = self.up.send(sent, time.monotonic())
            time.sleep(late)
            self._device.write(data)

    def _downwards(self) -> None:
        data, late = self.down.send(self._device.read(POLL_S), time.monotonic())
        time.sleep(late)
        while data and not self._stop.is_set():
            if select.select([], [self._master], [], POLL_S)[1]:
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self._master, data) :]


@dataclass(frozen=True)
class Config:
    """Options of `esp8k proxy`."""

    port: str | None = None  # the device's port
    baud: int = DEFAULT_BAUD  # its rate
    rate: float = 0.01  # share of bytes hit by a fault
    seed: int = 0  # of the faults


def main(argv: Sequence[str] | None = None) -> int:
    config = parse(Config, argv, "proxy", __doc__ or "")
    require_range(config, rate=(0, 1), seed=SEEDS)
    if not config.port:
        raise Esp8kError("which port?", "--port /dev/ttyUSB0")
    faults = Faults(rate=config.rate)
    with FaultyProxy(config.port, faults, config.seed, config.baud) as proxy:
        print(proxy.port, flush=True)
        proxy.wait()
    return 0


if __name__ == "__main__":
    run(main)
