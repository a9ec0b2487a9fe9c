"""Cycles or instructions of an inference, of all images or of a few counted apart.

    counts = counted(target.counting, check, engines, images, got)

An emulator counts only when it is asked to, and is slower then: so a few images go
through a second device, which must give the same logits.
"""

from collections.abc import Sequence

import numpy as np

from core.errors import CheckFailed
from core.saying import say
from tools.link.messages import Result
from tools.report.content import Spread
from tools.report.data import Check, Collected, Opener, collect, spread

COUNTED = 16  # images that are counted apart


def counted(
    opener: Opener | None,
    check: Check,
    engines: Sequence[str],
    images: np.ndarray,
    got: Collected,
) -> dict[str, Spread | None]:
    """Spread by engine, None where nothing counts; `opener` has a device that does."""
    counts = {e: spread([r.count for r in got.answers[e]]) for e in engines}
    if opener is None or any(counts.values()):
        return counts
    say(f"count instructions on {min(COUNTED, len(images))} images")
    few = collect(opener, check, engines, images[:COUNTED], 1, lambda _: None)
    for engine in engines:
        _require_same(got.answers[engine], few.answers[engine])
    return {e: spread([r.count for r in few.answers[e]]) for e in engines}


def _require_same(first: list[Result], second: list[Result]) -> None:
    for a, b in zip(first, second, strict=False):
        if (np.asarray(a.logits) != np.asarray(b.logits)).any():
            raise CheckFailed(
                "the same image gave other logits when instructions were counted",
                "the emulator or the firmware is not deterministic: make bisect",
            )
