"""The doctor talks to what hangs on a port: who answers, at which rate, after what.

In order: our firmware at the usual rate; the chip's own bootloader; our firmware at
other rates; a reset by DTR/RTS, and what the board says while it boots.
"""

import time
from collections.abc import Callable

from core import manifest, paths
from core.errors import DeviceError, Esp8kError
from tools.doctor.finding import NOTE, OK, PROBLEM, Finding
from tools.link import meeting
from tools.link.framing import Request
from tools.link.identity_lock import flash_again
from tools.link.messages import (
    DeviceIdentity,
    Statistics,
    parse_statistics,
    reset_word,
)
from tools.link.session import Session, Silent
from tools.link.silence import DOWNLOAD, ECHO, POWER, explain
from tools.link.transport import SerialTransport

BAUD = 115200
OTHER_BAUDS = (921600, 460800, 230400, 57600, 38400, 9600)
PATIENCE_S = 3.0  # an ESP32 that opening the port reset answers within two
QUICK_S = 0.35  # at another rate: the board has booted by then
BOOT_S = 1.5  # of text after a reset
SYNC_S = 0.4  # for the ROM's loader to answer
SLIP_SYNC = (
    b"\xc0\x00\x08\x24\x00\x00\x00\x00\x00\x07\x07\x12\x20" + b"U" * 32 + b"\xc0"
)
SLIP_ANSWER = b"\xc0\x01\x08"  # how the ROM's loader answers a sync
CRYSTAL = (
    "if the board's own text is noise at every rate, its crystal is not 40 MHz or the "
    "wiring is bad"
)


class Line:
    """A port at one rate, and all that was heard on it."""

    def __init__(self, port: str, baud: int) -> None:
        self.transport = SerialTransport(port, baud)
        self.session = Session(self.transport, lambda text: None)
        self.port = port

    def close(self) -> None:
        self.transport.close()

    def hello(self, seconds: float) -> DeviceIdentity | None:
        """Our firmware's identity, or None."""
        try:
            return meeting.hello(self.session, seconds, seconds)
        except Silent:
            return None

    def statistics(self) -> Statistics:
        return parse_statistics(self.session.call(Request.STATISTICS, b"", 2.0))

    def heard(self) -> bytes:
        """What came and was no frame of ours."""
        return self.session.splitter.noise

    def echoes(self) -> bool:
        """Whether what we sent came back, and nothing else did."""
        return self.session.echoed and not self.heard()

    def listen(self, seconds: float) -> bytes:
        """Only read."""
        end, data = time.monotonic() + seconds, b""
        while (left := end - time.monotonic()) > 0:
            data += self.transport.read(left)
        return data

    def in_bootloader(self) -> bool:
        """Does the ROM's loader answer a sync?"""
        self.transport.write(SLIP_SYNC * 2)
        return SLIP_ANSWER in self.listen(SYNC_S)

    def pulse_reset(self) -> bool:
        """Reset by RTS; False where there are no such lines."""
        return self.transport.pulse_reset()


def talk(port: str, line: Callable[[str, int], Line] = Line) -> list[Finding]:
    """Everything that can be learned by asking."""
    try:
        return _talk(port, line)
    except DeviceError as error:
        return [Finding("open", PROBLEM, error.message, error.hint, port=port)]


def _talk(port: str, make: Callable[[str, int], Line]) -> list[Finding]:
    first = make(port, BAUD)
    try:
        if (identity := first.hello(PATIENCE_S)) is not None:
            return [*known(first, identity), *_reset_lines(first)]
        heard = first.heard()
        if first.in_bootloader():
            return [bootloader(port)]
        if first.echoes():
            return [Finding("answer", PROBLEM, *ECHO, port=port)]
    finally:
        first.close()
    if (found := _other_rate(port, make)) is not None:
        return found
    return [_after_reset(port, make, heard)]


def _other_rate(port: str, make: Callable[[str, int], Line]) -> list[Finding] | None:
    """Our firmware, left at another rate by a program that did not take it back."""
    for baud in OTHER_BAUDS:
        line = make(port, baud)
        try:
            if (identity := line.hello(QUICK_S)) is None:
                continue
            text = f"our firmware answers at {baud} baud, not at {BAUD}"
            cure = "press reset on the board: it starts at the usual rate"
            wrong = Finding("baud", PROBLEM, text, cure, port=port)
            return [wrong, *known(line, identity)]
        finally:
            line.close()
    return None


def _after_reset(port: str, make: Callable[[str, int], Line], before: bytes) -> Finding:
    """Nobody of ours answers: reset the board and listen to what it says."""
    line = make(port, BAUD)
    try:
        pulsed = line.pulse_reset()
        text = line.listen(BOOT_S) if pulsed else b""
    finally:
        line.close()
    heard = before + text
    cause, cure = explain(heard)
    if cure == POWER:
        return Finding("supply", PROBLEM, cause, cure, port=port)
    if DOWNLOAD.search(heard):
        return bootloader(port)
    if not heard and not pulsed:
        cure += "; this port has no RTS to reset the board by"
    if "noise" in cause:
        cure = f"{cure}; {CRYSTAL}"
    check = "firmware" if heard and "noise" not in cause else "answer"
    return Finding(check, PROBLEM, cause, cure, port=port)


def bootloader(port: str) -> Finding:
    """The chip waits for a flasher."""
    return Finding(
        "bootloader",
        PROBLEM,
        "the board waits in its bootloader ('waiting for download')",
        "release BOOT (GPIO0 must not be tied to ground) and press reset; make flash "
        "works right now",
        port=port,
    )


def known(line: Line, identity: DeviceIdentity) -> list[Finding]:
    """Our firmware: which model, whose weights, and how it fared."""
    port = line.port
    weights = identity.weights_hash[:16]
    text = f"esp8k on {identity.board}: {identity.model}, weights {weights}"
    findings = [Finding("firmware", OK, text, port=port), _weights(port, identity)]
    counts = line.statistics()
    reason = reset_word(counts.reset_reason)
    text = f"up for {counts.uptime_us / 1e6:.0f} s, last reset: {reason}; "
    text += f"{counts.frames:,} frames, {counts.crc_errors:,} damaged"
    cures = {
        "brownout": POWER,
        "panic": "the firmware crashed: make bisect, and please report it",
        "watchdog": "the firmware hung: please report it",
    }
    level = NOTE if reason in cures else OK
    findings.append(Finding("health", level, text, cures.get(reason, ""), port=port))
    return findings


def _weights(port: str, identity: DeviceIdentity) -> Finding:
    model = identity.model
    try:
        folder = paths.model_dir(model)
    except Esp8kError:
        text = f"model {model!r} is unknown to this checkout"
        cure = "make flash writes one that is known"
        return Finding("weights", PROBLEM, text, cure, port=port)
    try:
        here = manifest.read(folder).identity_crc
    except Esp8kError as error:
        if manifest.exists(folder):
            return Finding("weights", NOTE, error.message, error.hint, port=port)
        cure = f"run: make export MODEL={model}"
        text = f"{model} is not exported here: weights cannot be compared"
        return Finding("weights", NOTE, text, cure, port=port)
    if here == identity.identity_crc:
        return Finding("weights", OK, f"the same model as build/{model}", port=port)
    text = (
        f"another model: {identity.identity_crc:08x} on the board, "
        f"{here:08x} in build/{model}"
    )
    return Finding("weights", PROBLEM, text, flash_again(model), port=port)


def _reset_lines(line: Line) -> list[Finding]:
    """Does RTS reset the board? Then flashing needs no button."""
    before = line.statistics().uptime_us
    if not line.pulse_reset():
        return []
    port = line.port
    if line.hello(PATIENCE_S) is None:
        text = "the board stays silent after a reset by RTS"
        cure = "press its reset button"
        return [Finding("reset", PROBLEM, text, cure, port=port)]
    if line.statistics().uptime_us < before:
        text = "RTS resets the board: flashing needs no button"
        return [Finding("reset", OK, text, port=port)]
    text = "RTS does not reset the board"
    cure = "to flash, hold BOOT, press and release reset, then let go of BOOT"
    return [Finding("reset", NOTE, text, cure, port=port)]
