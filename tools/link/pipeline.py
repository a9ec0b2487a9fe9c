"""Many requests with a window of them on the wire: the device computes meanwhile."""

from collections import deque
from collections.abc import Iterator

from tools.link.framing import Request
from tools.link.session import Pending, Session

WHOLE_ATTEMPTS = 3  # sendings of a long frame before it goes in pieces


def run(
    session: Session, kind: Request, payloads: Iterator[bytes], window: int
) -> Iterator[bytes | None]:
    """Replies in order; None for one that WHOLE_ATTEMPTS did not bring through.

    The first of its kind goes alone: a window of requests that a slow board
    cannot have answered in time would be repeated until its buffer is full.
    """
    queue: deque[Pending] = deque()
    exhausted = False
    try:
        while True:
            if not exhausted and len(queue) <= window // 2:
                exhausted = _fill(session, queue, kind, payloads, window)
            if not queue:
                return
            head = queue[0]
            if head.reply is None and not _advance(session, queue):
                yield None
            else:
                yield session.result(head)
            queue.popleft()
            session.forget(head)
    finally:
        for pending in queue:
            session.forget(pending)


def _fill(
    session: Session,
    queue: deque[Pending],
    kind: Request,
    payloads: Iterator[bytes],
    window: int,
) -> bool:
    """Put new requests on the wire; True when there are no more."""
    fresh = []
    exhausted = False
    while len(queue) < window:
        payload = next(payloads, None)
        if payload is None:
            exhausted = True
            break
        fresh.append(session.prepare(kind, payload))
        queue.append(fresh[-1])
        if not session.timed(fresh[-1]):
            break
    session.send(fresh)
    return exhausted


def _advance(session: Session, queue: deque[Pending]) -> bool:
    """Wait for the head's reply; False when it is time for pieces."""
    head = queue[0]
    while head.reply is None:
        outstanding = sum(len(p.wire) for p in queue if p.reply is None)
        wait = session.timeout(head, outstanding)
        progress = session.counts.replies
        session.read(wait)
        if head.reply is not None:
            return True
        # The device answers in order: a later answer means ours was lost.
        overtaken = any(
            p.reply is not None and p.sent_at >= head.sent_at for p in queue
        )
        if not overtaken and session.counts.replies > progress:
            continue
        since = max(head.sent_at, session.progress_at)
        if not overtaken and session.transport.clock() < since + wait:
            continue
        if head.attempts >= WHOLE_ATTEMPTS:
            return False
        lost = [head] if overtaken else [p for p in queue if p.reply is None]
        session.send(lost)
    return True
