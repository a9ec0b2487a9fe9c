"""A serial port as a stream of bytes: opening, reading with a timeout, errors.

Any pyserial URL will do: a PTY's path, /dev/ttyUSB0, COM3, socket://host:port,
rfc2217://host:port. `Transport` is what `tools.link.session` needs of it; the chaos
tool has another one that runs in virtual time.
"""

import contextlib
import errno
import os
import re
import select
import threading
import time
from typing import Protocol

import serial
from serial.tools import list_ports

from core.errors import DeviceError, Esp8kError
from tools.link.holders import holders

READ_BYTES = 65536  # at most, in one read
WRITE_TIMEOUT_S = 20.0  # a device that takes no byte for so long is stuck
PULSE_S = 0.1  # EN held low
HANDED_OVER_S = 0.5  # of a port whose last holder, or a child of it, is just closing
POLL_S = 0.02  # where a port cannot be waited for: the longest single read
NOTICED_S = 0.1  # how soon who reads or writes notices that another thread closed it
NETWORK_S = 10.0  # a far port has so long for each of its settings; pyserial gives 3
BUSY = (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK)
GONE_HINT = "plug the board in again and run the same command"
BROKEN: tuple[type[Exception], ...] = (serial.SerialException, OSError)
if os.name == "posix":
    import termios

    BROKEN += (termios.error,)  # which is no OSError


# What pyserial makes of a URL that is written wrongly.
MISWRITTEN = (AttributeError, KeyError, TypeError, ValueError, re.error)


class Transport(Protocol):
    """Bytes both ways, and the clock by which they are timed."""

    name: str
    baud: int

    def read(self, timeout_s: float) -> bytes:
        """What arrived, as soon as anything did; b"" after `timeout_s`."""

    def write(self, data: bytes) -> None:
        """Send all of it."""

    def set_baud(self, baud: int) -> None:
        """Go to another rate."""

    def clock(self) -> float:
        """Seconds, monotonic."""

    def close(self) -> None:
        """Give the port back."""


class SerialTransport:
    """A pyserial port; one thread may read, one write, and one close it at once."""

    def __init__(self, name: str, baud: int) -> None:
        self.name = name
        self.baud = baud
        self._port = open_port(name, baud)
        self.descriptor = _descriptor(self._port)
        self._early = b""  # what came while we wrote
        self._reading = threading.Lock()  # who reads the port, or takes what came early
        self._writing = threading.Lock()
        self._closed = False
        if self.descriptor is None and not self._port.timeout:
            self._port.timeout = POLL_S

    def read(self, timeout_s: float) -> bytes:
        with self._reading:
            return self._read(timeout_s)

    def _read(self, timeout_s: float) -> bytes:
        if self._early:
            data, self._early = self._early, b""
            return data
        try:
            until = time.monotonic() + timeout_s
            if self.descriptor is None:
                return self._poll(until)
            if not self._wait(self.descriptor, until, writing=False)[0]:
                return b""
            return bytes(self._port.read(READ_BYTES))
        except BROKEN as error:
            raise self._gone(error) from error

    def _wait(self, fd: int, until: float, writing: bool) -> tuple[bool, bool]:
        """Whether it can be read, and written, as soon as it can; neither at `until`.

        Its number is another port's once it is closed: nobody may wait on it then.
        """
        while True:
            self._require_open()
            left = until - time.monotonic()
            span = max(0.0, min(left, NOTICED_S))
            read, write, _ = select.select([fd], [fd] if writing else [], [], span)
            if read or write or left <= span:
                return bool(read), bool(write)

    def _require_open(self) -> None:
        if self._closed:
            raise OSError("it was closed")

    def _poll(self, until: float) -> bytes:
        while True:
            self._require_open()
            data = self._port.read(1)
            if data:
                return bytes(data + self._port.read(self._port.in_waiting))
            if time.monotonic() >= until:
                return b""

    def write(self, data: bytes) -> None:
        try:
            if self.descriptor is not None and "://" not in self.name:
                with self._writing:
                    self._write_and_hear(self.descriptor, memoryview(data))
            else:
                self._port.write(data)
        except serial.SerialTimeoutException as error:
            raise DeviceError(
                f"the device on {self.name} takes no more bytes",
                "press reset on the board",
            ) from error
        except BROKEN as error:
            raise self._gone(error) from error

    def _write_and_hear(self, fd: int, data: memoryview) -> None:
        """A device may wait until its own words are read: we read while we write.

        But where another thread reads, it does.
        """
        end = time.monotonic() + WRITE_TIMEOUT_S
        while data:
            to_read, to_write = self._wait(fd, end, writing=True)
            if to_read:
                self._hear()
            if to_write:
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(fd, data) :]
            if data and time.monotonic() > end:
                raise serial.SerialTimeoutException

    def _hear(self) -> None:
        if self._reading.acquire(blocking=False):
            try:  # nothing, where somebody took it meanwhile
                self._early += bytes(self._port.read(READ_BYTES))
            finally:
                self._reading.release()

    def set_baud(self, baud: int) -> None:
        try:
            self._port.flush()
            self._port.baudrate = baud
        except ValueError as error:
            raise DeviceError(
                f"the port {self.name} cannot do {baud} baud", "choose another rate"
            ) from error
        except BROKEN as error:
            raise self._gone(error) from error
        self.baud = baud

    def clock(self) -> float:
        return time.monotonic()

    def pulse_reset(self) -> bool:
        """Reset the board by RTS with GPIO0 released; False without such lines."""
        try:
            self._port.dtr = False
            self._port.rts = True
            time.sleep(PULSE_S)
            self._port.rts = False
        except BROKEN:
            return False
        return True

    def close(self) -> None:
        """Who reads or writes it just now is told that it is gone."""
        self._closed = True
        with self._reading, self._writing:
            self._port.close()

    def _gone(self, error: Exception) -> DeviceError:
        return DeviceError(f"the port {self.name} is gone ({error})", GONE_HINT)


def open_port(name: str, baud: int) -> serial.SerialBase:
    """Open `name` for us alone. Most boards reset themselves at this moment."""
    local = "://" not in name
    end = time.monotonic() + HANDED_OVER_S
    while True:
        try:
            return _opened(name, baud, local)
        except (*MISWRITTEN, serial.SerialException, OSError) as error:
            if not _is_busy(error) or time.monotonic() > end:
                raise _cannot_open(name, error) from error
        time.sleep(POLL_S)


def _opened(name: str, baud: int, local: bool) -> serial.SerialBase:
    far = name.startswith("rfc2217://")  # once open, each setting is a way and back
    if far and "timeout=" not in name:
        name += f"{'&' if '?' in name else '?'}timeout={NETWORK_S}"
    port = serial.serial_for_url(name, do_not_open=True)
    port.baudrate = baud
    port.timeout = POLL_S if far else 0
    if not far:  # which has none and says so
        port.write_timeout = WRITE_TIMEOUT_S
    # The two lines wired to EN and GPIO0 by USB-serial boards, both released:
    # asserted the wrong way round they hold the chip in reset or bootloader.
    port.dtr = False
    port.rts = False
    if local and os.name == "posix":
        port.exclusive = True
    port.open()
    return port


def _is_busy(error: Exception) -> bool:
    """Somebody has it, perhaps one who is just closing it."""
    text = str(error)
    taken = "exclusively lock" in text or "Access is denied" in text
    return taken or getattr(error, "errno", None) in BUSY


def _is_miswritten(error: Exception) -> bool:
    """Whether it is about the URL; what a port at its other end refuses is not."""
    text = str(error)
    cause = error.__context__ if text.startswith("Could not open port") else error
    told = isinstance(cause, MISWRITTEN) and "rejected" not in text
    return told or "expected a string in the form" in text


def _descriptor(port: serial.SerialBase) -> int | None:
    """What select() can wait on, or None (Windows, rfc2217)."""
    if os.name != "posix":
        return None
    try:
        return int(port.fileno())
    except (AttributeError, OSError, ValueError):
        return None


def _cannot_open(name: str, error: Exception) -> Esp8kError:
    number = getattr(error, "errno", None)
    text = str(error)
    if _is_busy(error):
        holder = _holder(name)
        by = f" by {holder}" if holder else ""
        return DeviceError(
            f"the port {name} is busy{by}", "close the program that has it open"
        )
    if number == errno.EACCES:
        return DeviceError(
            f"no permission to open {name}",
            "join the port's group and log in again: sudo usermod -aG dialout $USER",
        )
    if "does not seem to support RFC2217" in text:
        return DeviceError(
            f"what answers at {name} does not speak RFC 2217",
            f"a plain connection: socket://{name.partition('://')[2]}",
        )
    if "://" in name and _is_miswritten(error):
        return Esp8kError(
            f"{name} is no address of a port",
            "as socket://192.168.0.7:3333 or rfc2217://HOST:NUMBER",
        )
    if "://" in name:
        return DeviceError(
            f"nothing answers at {name} ({text})", "is the other side running?"
        )
    found = ", ".join(port.device for port in list_ports.comports())
    hint = f"ports found: {found}" if found else "no serial port found: plug a board in"
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or "FileNotFound" in text:
        return DeviceError(f"there is no port {name}", hint)
    return DeviceError(f"cannot open {name} ({text})", hint)


def _holder(name: str) -> str:
    """'program (pid 123)' of the first process that has the port open."""
    for process, program in holders(name).items():
        if process == os.getpid():
            return "this very program"
        return f"{program} (pid {process})"
    return ""
