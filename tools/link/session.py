"""Requests and their replies over a line that may lose, damage or repeat anything.

A reply names its request twice: by sequence number and by the CRC-32 of the whole
request frame. So a late, repeated or foreign reply is never taken for another's,
and a request may be sent again as often as needed.

`Session.call` does one request. `pipeline` keeps a window of them on the wire,
`fragments` carries an image in pieces: both from the same parts.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import DeviceError
from tools.link.framing import (
    ERRORS,
    REPLY,
    REPLY_ERROR,
    REPLY_MISSING,
    VERSION,
    Frame,
    Request,
    Splitter,
    encode,
)
from tools.link.pace import BITS_A_BYTE, Key, Pace, key_of
from tools.link.schema import Failure, Malformed, one_of, read
from tools.link.silence import ECHO, explain, panic_text
from tools.link.transport import Transport

REQUEST_BUDGET_S = 20.0  # a request is answered or has failed by then
PREFIX = struct.Struct("<IBB")  # request's CRC-32, boot count, identity


@dataclass(slots=True)
class Pending:
    """A request on its way."""

    kind: int
    key: Key
    sequence: int
    crc: int
    wire: bytes
    sent_at: float = 0.0
    attempts: int = 0
    reply: Frame | None = None


class Silent(DeviceError):
    """A request was not answered within its budget."""


@dataclass
class LineCounts:
    """What the line cost so far, as the host saw it."""

    sent: int = 0
    retries: int = 0
    replies: int = 0
    foreign: int = 0  # intact frames that answer nothing we wait for
    fragments: int = 0


class Session:
    """One conversation with one device."""

    def __init__(self, transport: Transport, say: Callable[[str], None]) -> None:
        self.transport = transport
        self.splitter = Splitter()
        self.counts = LineCounts()
        self.boot: int | None = None  # low byte of the boot id, from any reply
        self.boot_changed = False
        self.echoed = False  # a request of ours came back as it was
        self.identity: int | None = None  # low byte of the identity CRC
        self._say = say
        self._pending: dict[int, Pending] = {}
        self._pace = Pace()
        self.progress_at = transport.clock()  # when the last reply came
        # A restarted host begins elsewhere: nothing old can fit by accident.
        self.sequence = zlib.crc32(struct.pack("<d", transport.clock())) & 0xFFFF

    # ==== One request ====

    def call(
        self, kind: Request, payload: bytes, budget_s: float = REQUEST_BUDGET_S
    ) -> bytes:
        """Send until answered; the reply's payload behind its prefix."""
        pending = self.prepare(kind, payload)
        end = self.transport.clock() + budget_s
        try:
            while pending.reply is None:
                now = self.transport.clock()
                if now >= end:
                    raise self.silent(budget_s)
                self.send([pending])
                wait = self.timeout(pending, len(pending.wire))
                self.wait(pending, min(end, now + wait))
            return self.result(pending)
        finally:
            self.forget(pending)

    # ==== Sending, waiting, matching ====

    def prepare(self, kind: Request, payload: bytes) -> Pending:
        """A request with a number of its own; not sent yet."""
        while True:
            self.sequence = (self.sequence + 1) & 0xFFFF
            if self.sequence not in self._pending:
                break
        wire, crc = encode(kind, self.sequence, payload)
        pending = Pending(kind, key_of(kind, payload), self.sequence, crc, wire)
        self._pending[pending.sequence] = pending
        return pending

    def forget(self, pending: Pending) -> None:
        """What still answers it is foreign from now on."""
        self._pending.pop(pending.sequence, None)

    def send(self, batch: list[Pending]) -> None:
        """Put them on the wire, again or for the first time."""
        if not batch:
            return
        self.transport.write(b"".join(pending.wire for pending in batch))
        now = self.transport.clock()
        for pending in batch:
            self.counts.retries += pending.attempts > 0
            pending.attempts += 1
            pending.sent_at = now
        self.counts.sent += len(batch)

    def timeout(
        self, pending: Pending, wire_bytes: int, attempts: int | None = None
    ) -> float:
        """For the reply to `pending`, `wire_bytes` in all just sent."""
        wire_s = wire_bytes * BITS_A_BYTE / self.transport.baud
        tries = pending.attempts if attempts is None else attempts
        return self._pace.timeout(pending.key, wire_s, tries)

    def timed(self, pending: Pending) -> bool:
        """Is it known how long one of its kind takes?"""
        return self._pace.known(pending.key)

    def wait(self, pending: Pending, until: float) -> None:
        """Read until it is answered or that moment has come."""
        self.wait_any([pending], until)

    def wait_any(self, pendings: list[Pending], until: float) -> Pending | None:
        """Read until one of them is answered, or that moment has come."""
        while True:
            for pending in pendings:
                if pending.reply is not None:
                    return pending
            left = until - self.transport.clock()
            if left <= 0:
                return None
            self.read(left)

    def read(self, timeout_s: float) -> None:
        """Read once; hand every frame to the request that it answers."""
        data = self.transport.read(timeout_s)
        for frame in self.splitter.feed(data) if data else ():
            self._match(frame)

    def _match(self, frame: Frame) -> None:
        pending = self._pending.get(frame.sequence)
        self.echoed |= not frame.type & REPLY
        if pending is None or len(frame.payload) < PREFIX.size:
            self.counts.foreign += 1
            return
        crc, boot, identity = PREFIX.unpack_from(frame.payload)
        known = (pending.kind | REPLY, REPLY_MISSING, REPLY_ERROR)
        if crc != pending.crc or frame.type not in known or pending.reply:
            self.counts.foreign += 1
            return
        self.counts.replies += 1
        pending.reply = frame
        now = self.transport.clock()
        if pending.attempts == 1:  # of a repeated one nobody knows which was answered
            took = now - max(pending.sent_at, self.progress_at)
            took -= len(pending.wire) * BITS_A_BYTE / self.transport.baud
            self._pace.timed(pending.key, took)
        if frame.type == Request.INFER | REPLY:
            self._pace.result(frame.payload[PREFIX.size :])
        self.progress_at = now
        self._watch(boot, identity)
        self.splitter.forget_noise()

    def _watch(self, boot: int, identity: int) -> None:
        """Has the device started anew since its last reply, or become another?"""
        if self.boot is not None and boot != self.boot:
            self.boot_changed = True
            self.say_reset(f"boot {self.boot} -> {boot}")
        if self.identity is not None and identity != self.identity:
            raise DeviceError(
                "the device now runs other weights than a moment ago",
                "start again: the answers so far belong to another model",
            )
        self.boot = boot
        self.identity = identity

    def say_reset(self, boots: str) -> None:
        """Tell the user, with the panic's own line if there was one."""
        panic = panic_text(self.splitter.noise)
        why = f' after "{panic}"' if panic else ""
        self._say(
            f"the device was reset{why} ({boots});"
            " resuming at the first unanswered request"
        )

    # ==== Results and errors ====

    def result(self, pending: Pending) -> bytes:
        """The reply's payload behind its prefix; an ERROR is raised."""
        frame = pending.reply
        assert frame is not None
        if frame.version != VERSION:
            raise DeviceError(
                f"the device speaks protocol {frame.version}, we speak {VERSION}",
                "flash the firmware of this checkout: make flash",
            )
        name = Request(pending.kind).name
        if frame.type == REPLY_MISSING:
            raise Malformed(name, "MISSING, of an image that was sent whole")
        if frame.type == REPLY_ERROR:
            failure, _ = read(Failure, frame.payload[PREFIX.size :], name)
            one_of(name, "an ERROR's request", failure.request_type, [pending.kind])
            raise Refused(name, failure.code)
        return frame.payload[PREFIX.size :]

    def silent(self, budget_s: float) -> Silent:
        """The error of a request that nothing answered, with what came instead."""
        cause, cure = explain(self.splitter.noise)
        if self.counts.replies and not self.splitter.noise:
            cause, cure = "the device fell silent", "check the cable, press reset"
        elif self.echoed and not self.splitter.noise:
            cause, cure = ECHO
        where = self.transport.name
        return Silent(f"no answer from {where} in {budget_s:.0f} s: {cause}", cure)


class Refused(DeviceError):
    """The device answered with an error code of firmware/PROTOCOL.md."""

    def __init__(self, request: str, number: int) -> None:
        cause = ERRORS.get(number, "of a kind that this host does not know")
        super().__init__(
            f"the device refused {request}: {cause} (error {number})",
            "host and firmware of one checkout? make flash",
        )
        self.number = number  # the device's, never our exit status
