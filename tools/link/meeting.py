"""Who is at the other end of a serial port: hello, at which rate, and since when.

A board may boot because we opened its port, may have been left at another rate by a
program that was killed, and may start anew, or as another model, while we talk to it.
"""

import struct

from core.errors import DeviceError
from tools.link.framing import Error, Request
from tools.link.messages import DeviceIdentity, parse_baud, parse_identity
from tools.link.session import Pending, Refused, Session, Silent

HELLO_BUDGET_S = 4.0  # an ESP32 that reset itself on opening answers within two
NOISY_BUDGET_S = 8.0  # ... and so long where at least something was heard
HELLO_TRIES_S = 0.3  # between two hellos: a booting device hears none of them
BAUD_TRIES_S = 0.8  # the device waits 1 s for a frame at a new rate
BAUD_BACK_S = 1.2  # after that it is back at the old one
LEFT_RATES = (921600, 460800)  # where an interrupted program may have left a device


class Meeting:
    """A session whose device is known; `identity` is what its last hello said."""

    identity: DeviceIdentity

    def __init__(self, session: Session) -> None:
        """The first hello, at our rate or at one where the device was left."""
        self.session = session
        self.resets = 0  # noticed since the first hello
        self.identity = self._find()

    def set_baud(self, baud: int) -> bool:
        """Go to `baud`; False (and the old rate) when the other side cannot follow."""
        old = self.session.transport.baud
        try:
            told = self.session.call(Request.SET_BAUD, struct.pack("<I", baud))
        except Refused as refused:
            if refused.number == Error.UNSUPPORTED:
                return False
            raise
        parse_baud(told, baud)
        self.session.transport.set_baud(baud)
        try:
            self.identity = self._hello(BAUD_TRIES_S, BAUD_TRIES_S)
            return True
        except Silent:
            self.session.transport.set_baud(old)
            # Wait for the device to be back, then find it there.
            self._drain(BAUD_BACK_S)
            self.identity = self._hello(HELLO_BUDGET_S, NOISY_BUDGET_S)
            return False

    def settle(self) -> None:
        """After a reset the device may have become another one: ask again."""
        if not self.session.boot_changed:
            return
        self.session.boot_changed = False
        self.resets += 1
        self._meet_again()

    def look_again(self) -> None:
        """Something was lost: was it a reset whose boot byte fitted by accident?"""
        known = self.identity.boot_id
        self._meet_again()
        if self.session.boot_changed:  # and was told
            self.session.boot_changed = False
            self.resets += 1
        elif self.identity.boot_id != known:
            self.session.say_reset(f"boot {known:08x} -> {self.identity.boot_id:08x}")
            self.resets += 1

    def _meet_again(self) -> None:
        """Hello, as long as a booting board takes; still the same model?"""
        identity = self._hello(NOISY_BUDGET_S, NOISY_BUDGET_S)
        if identity.identity_crc != self.identity.identity_crc:
            raise DeviceError(
                f"the device came back with other weights ({identity.weights_hash[:16]}"
                f", not {self.identity.weights_hash[:16]})",
                "start again: the answers so far belong to another model",
            )
        self.identity = identity

    def _find(self) -> DeviceIdentity:
        """The first hello, at our rate or at one where the device was left."""
        try:
            return self._hello(HELLO_BUDGET_S, NOISY_BUDGET_S)
        except Silent:
            transport = self.session.transport
            home = transport.baud
            for rate in LEFT_RATES:
                transport.set_baud(rate)
                try:
                    self.identity = self._hello(BAUD_TRIES_S, BAUD_TRIES_S)
                except Silent:
                    continue
                self.set_baud(home)
                return self.identity
            transport.set_baud(home)
            raise

    def _hello(self, quiet_s: float, noisy_s: float) -> DeviceIdentity:
        return hello(self.session, quiet_s, noisy_s)

    def _drain(self, seconds: float) -> None:
        transport = self.session.transport
        end = transport.clock() + seconds
        while (left := end - transport.clock()) > 0:
            transport.read(left)


def hello(session: Session, quiet_s: float, noisy_s: float) -> DeviceIdentity:
    """Say hello until somebody answers; `noisy_s` holds once anything was heard.

    A board that just reset hears nothing until it has booted, so hellos go out often,
    each with a number of its own. None is forgotten: a device or a network that takes
    seconds answers the first of them, and its number says how long that took.
    """
    sent: list[Pending] = []
    clock = session.transport.clock
    start = clock()
    try:
        while True:
            budget = noisy_s if session.splitter.noise else quiet_s
            end = start + budget
            if clock() >= end:
                raise session.silent(budget)
            sent.append(session.prepare(Request.HELLO, b""))
            session.send(sent[-1:])
            answered = session.wait_any(sent, min(end, clock() + HELLO_TRIES_S))
            if answered is not None:
                return parse_identity(session.result(answered))
    finally:
        for pending in sent:
            session.forget(pending)
