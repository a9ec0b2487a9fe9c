"""What a bad serial line does to bytes, from a seed: the same faults every time.

Each byte is, with probability `rate`, dropped, flipped in one bit, doubled,
preceded by a random byte, or late (and all behind it with it: a serial line never
reorders). Now and then the line is cut for a while, a board's boot text or a
panic's text lands in the middle.
"""

import math
import random
from dataclasses import dataclass

BOOT_TEXT = (
    b"ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 "
    b"(SPI_FAST_FLASH_BOOT)\r\nconfigsip: 0, SPIWP:0xee\r\nentry 0x40080564\r\n"
)
PANIC_TEXT = (
    b"Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was "
    b"unhandled.\r\nPC      : 0x400d1a2c  PS      : 0x00060f30\r\n"
    b"Backtrace:0x400d1a29:0x3ffb1f20 0x400d2f51:0x3ffb1f40\r\n"
)
KINDS = ("drop", "flip", "duplicate", "insert", "delay")
NEVER = 1 << 60


@dataclass(frozen=True)
class Faults:
    """How bad a line is."""

    rate: float = 0.01  # of bytes hit
    text_rate: float = 1e-5  # per byte: boot or panic text in between
    cut_rate: float = 3e-6  # per byte: the line goes dead
    longest_delay_s: float = 0.02
    longest_cut_s: float = 0.5


class FaultyLine:
    """One direction. Counts what it did."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self.faults = faults
        self.counts = dict.fromkeys((*KINDS, "text", "cut"), 0)
        self.bytes = 0
        self._random = random.Random(seed)
        self._dead_until = -1.0
        self._next = {
            name: self._gap(rate)
            for name, rate in (
                ("byte", faults.rate),
                ("text", faults.text_rate),
                ("cut", faults.cut_rate),
            )
        }

    def _gap(self, rate: float) -> int:
        """Bytes until the next such fault: geometric, drawn once a fault."""
        if rate <= 0:
            return NEVER
        return int(math.log(1.0 - self._random.random()) / math.log(1.0 - rate))

    def send(self, data: bytes, now: float) -> tuple[bytes, float]:
        """The bytes that come out, and the seconds by which they are late."""
        self.bytes += len(data)
        out = bytearray()
        late = 0.0
        at = 0
        while at < len(data):
            if now < self._dead_until:
                break
            free = min(max(0, min(self._next.values())), len(data) - at)
            out += data[at : at + free]
            at += free
            self._pass(free)
            if at < len(data):
                late += self._hit(data[at], out, now)
                at += 1
                self._pass(1)
        return bytes(out), late

    def _pass(self, count: int) -> None:
        for name in self._next:
            self._next[name] -= count

    def _hit(self, byte: int, out: bytearray, now: float) -> float:
        """Something happens at `byte`; the delay that it causes."""
        name = min(self._next, key=lambda key: self._next[key])
        rates = {"text": self.faults.text_rate, "cut": self.faults.cut_rate}
        self._next[name] = 1 + self._gap(rates.get(name, self.faults.rate))
        if name == "text":
            self.counts["text"] += 1
            out += self._random.choice((BOOT_TEXT, PANIC_TEXT))
            out.append(byte)
            return 0.0
        if name == "cut":
            self.counts["cut"] += 1
            self._dead_until = now + self._random.random() * self.faults.longest_cut_s
            return 0.0
        kind = self._random.choice(KINDS)
        self.counts[kind] += 1
        if kind == "drop":
            return 0.0
        if kind == "flip":
            byte ^= 1 << self._random.randrange(8)
        elif kind == "duplicate":
            out.append(byte)
        elif kind == "insert":
            out.append(self._random.randrange(256))
        out.append(byte)
        if kind == "delay":
            return self._random.random() * self.faults.longest_delay_s
        return 0.0
