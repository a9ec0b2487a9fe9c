"""How long to wait for a reply: longer on a slow board, not on a bad line.

A reply that was not repeated says how long its kind takes. A result also says how long
the device computed, so a board that is merely slow is never taken for a silent one,
however often the line made us ask.
"""

import struct
from dataclasses import dataclass, field

from tools.link.framing import Request
from tools.link.messages import NO_TIME

FIRST_TIMEOUT_S = 1.0  # for a reply, before any was timed
LEAST_TIMEOUT_S = 0.12  # USB adapters hold bytes back for up to 16 ms
MOST_TIMEOUT_S = 4.0
TIMEOUT_FACTOR = 4.0  # times the slowest recent reply
LATENCY_FACTOR = 2.0  # times the answer to a hello, for what was never timed
COMPUTE_FACTOR = 1.5  # times what an inference took by the device's own clock
SLOWEST_DECAY = 0.9  # how fast that slowest one is forgotten
MOST_DOUBLINGS = 4
BITS_A_BYTE = 10  # start, eight, stop
RESULT = struct.Struct("<BBI")  # engine, label, microseconds

Key = tuple[int, int]  # a request's type, and its engine or -1
COMPUTING = (
    *(Request.INFER, Request.STAGE_CRCS, Request.STAGE_BYTES),
    Request.INFER_FRAME,
)


def key_of(kind: int, payload: bytes) -> Key:
    """Requests that take equally long have one key."""
    return kind, payload[0] if kind in COMPUTING and payload else -1


@dataclass
class Pace:
    """What was learned of one device."""

    slowest: dict[Key, float] = field(default_factory=dict)
    compute: dict[int, float] = field(default_factory=dict)  # of an engine

    def known(self, key: Key) -> bool:
        """Has one of these been answered?"""
        return key in self.slowest or key[1] in self.compute

    def timed(self, key: Key, took: float) -> None:
        """A request that was sent once was answered after so many seconds."""
        self.slowest[key] = max(took, self.slowest.get(key, 0.0) * SLOWEST_DECAY)

    def result(self, payload: bytes) -> None:
        """The payload of a reply to INFER."""
        if len(payload) >= RESULT.size:
            engine, _, microseconds = RESULT.unpack_from(payload)
            known = 0.0 if microseconds == NO_TIME else microseconds / 1e6
            self.compute[engine] = known

    def timeout(self, key: Key, wire_s: float, attempts: int) -> float:
        """For a reply to what takes `wire_s` to send, longer after each attempt."""
        # A far device is known by its hello to be far.
        far = LATENCY_FACTOR * self.slowest.get((Request.HELLO, -1), 0.0)
        base = max(FIRST_TIMEOUT_S, far)
        if key in self.slowest:
            base = max(LEAST_TIMEOUT_S, TIMEOUT_FACTOR * self.slowest[key])
        doublings = min(max(attempts - 1, 0), MOST_DOUBLINGS)
        base = min(MOST_TIMEOUT_S, base * (1 << doublings))
        return max(base, COMPUTE_FACTOR * self.compute.get(key[1], 0.0)) + wire_s
