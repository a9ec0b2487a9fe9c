"""What may hang on a serial port: our firmware, others' firmware, a bootloader."""

import struct
import termios
from collections.abc import Callable

from tests.support.layouts import HELLO, STATISTICS
from tests.support.link import PtyHost
from tools.link.framing import REPLY, Request, Splitter, encode
from tools.link.session import PREFIX

WEIGHTS = "5a" * 32
IDENTITY = 0x5EED0007
RATES = {getattr(termios, f"B{rate}"): rate for rate in (9600, 115200, 921600)}


class Firmware:
    """Our firmware's side of hello and statistics, at one baud rate only."""

    def __init__(self, identity: int = IDENTITY, model: str = "v2") -> None:
        self.weights, self.identity, self.model = WEIGHTS, identity, model
        self.baud, self.reason, self.uptime_us = 115200, 1, 9_000_000
        self.deaf = False
        self.host: PtyHost | None = None
        self.splitter = Splitter()

    def __call__(self, data: bytes) -> bytes:
        if self.rate() != self.baud or self.deaf:
            # The wrong rate makes other bytes of ours; silence would be simpler.
            return b"" if self.deaf else bytes(b ^ 0xA5 for b in data[:16])
        return b"".join(self.reply(f) for f in self.splitter.feed(data))

    def rate(self) -> int:
        assert self.host is not None
        return RATES.get(termios.tcgetattr(self.host.master)[5], 0)

    def reply(self, frame) -> bytes:
        if frame.type == Request.HELLO:
            payload = self.hello()
        elif frame.type == Request.STATISTICS:
            counts = (12, 0, 0, 0, 0, 3, 0, 1, self.reason, 900)
            payload = STATISTICS.pack(*counts, self.uptime_us)
        else:
            raise AssertionError(f"the doctor asked for {frame.type}")
        prefix = PREFIX.pack(frame.crc, 1, self.identity & 0xFF)
        return encode(frame.type | REPLY, frame.sequence, prefix + payload)[0]

    def hello(self) -> bytes:
        numbers = (3, 2, self.reason, 8, 784, 10, 32, 5, 5, 256)
        sizes = (0, self.baud, 1, self.identity, 1952, 7808, 7808)
        ends = (0.1, 3, bytes.fromhex(self.weights))
        head = HELLO.pack(*numbers, *sizes, *ends)
        names = (self.model.encode(), b"fake")
        told = b"".join(struct.pack("B", len(n)) + n for n in names)
        return head + told + struct.pack("<I", 1)


class Rom:
    """The ROM's loader: silent until it is asked to synchronise."""

    def __call__(self, data: bytes) -> bytes:
        answer = bytes.fromhex("c0010804000712205500000000c0")
        return answer * 8 if b"\x07\x07\x12\x20" in data else b""


def says(text: bytes) -> Callable[[bytes], bytes]:
    """A device that answers whatever it gets with the same text."""
    return lambda data: text
