"""An image in pieces of 32 bytes, for lines on which 800 in a row never arrive.

PUT frames carry the pieces and are never answered; the request behind them names the
image by its CRC-32 and is answered by the result, or by a bitmap of the pieces that
are missing, which then are put again.
"""

import struct
import zlib

from tools.link.framing import REPLY_MISSING, Frame, Request, encode
from tools.link.schema import Malformed, Number, read
from tools.link.session import PREFIX, REQUEST_BUDGET_S, Pending, Session

FRAGMENT_BYTES = 32
BACKOFF = 2  # a line known to be bad: lost, not slow, so do not wait long
TAG = struct.Struct("<I")
PUT = struct.Struct("<IB")


def call(
    session: Session,
    kind: Request,
    head: bytes,
    image: bytes,
    budget_s: float = REQUEST_BUDGET_S,
) -> tuple[bytes, bool]:
    """As `Session.call`, the image put in fragments. Also: was nothing lost?"""
    tag = zlib.crc32(image)
    pending = session.prepare(kind, head + TAG.pack(tag))
    pieces = [
        image[at : at + FRAGMENT_BYTES] for at in range(0, len(image), FRAGMENT_BYTES)
    ]
    missing = list(range(len(pieces)))
    clock = session.transport.clock
    end = clock() + budget_s
    rounds = 0
    try:
        while clock() < end:
            puts = [
                encode(Request.PUT, pending.sequence, PUT.pack(tag, i) + pieces[i])[0]
                for i in missing
            ]
            data = b"".join(puts)
            session.transport.write(data)
            session.counts.fragments += len(puts)
            answer = _ask(session, pending, len(data), end)
            if answer is None:
                break
            rounds += 1
            if answer.type != REPLY_MISSING:
                return session.result(pending), rounds == pending.attempts == 1
            missing = _missing(answer.payload[PREFIX.size :], kind, len(pieces))
            pending.reply = None
        raise session.silent(budget_s)
    finally:
        session.forget(pending)


def _missing(payload: bytes, kind: Request, pieces: int) -> list[int]:
    """The pieces that a MISSING asks for: one at least, and none that there is not."""
    bits, _ = read(Number, payload, kind.name)
    if not 0 < bits.value < 1 << pieces:
        raise Malformed(kind.name, f"MISSING of {bits.value:#x}, of {pieces} pieces")
    return [i for i in range(pieces) if bits.value >> i & 1]


def _ask(session: Session, pending: Pending, before: int, end: float) -> Frame | None:
    """Send the request behind its pieces until some answer comes."""
    attempts = 0
    clock = session.transport.clock
    while pending.reply is None:
        now = clock()
        if now >= end:
            return None
        session.send([pending])
        wait = session.timeout(pending, before + len(pending.wire), attempts)
        session.wait(pending, min(end, now + wait))
        attempts = min(attempts + 1, BACKOFF)
        before = 0
    return pending.reply
