"""What a soak counted, and what this process took meanwhile."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SHOWN = 10  # divergences in a message
MIB = 1 << 20


class Divergence(Exception):
    """A device did not do what the document says."""


@dataclass
class Figures:
    """One strand's; written by its own thread alone."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)  # given up on a bad line
    moved_at: float = field(default_factory=time.monotonic)

    def add(self, what: str, count: int = 1) -> None:
        """Something was done."""
        self.counts[what] += count
        self.moved_at = time.monotonic()

    def record(self) -> dict[str, Any]:
        """For JSON and people."""
        counted = dict(sorted(self.counts.items()))
        return {**counted, "wrong": len(self.wrong), "failed": len(self.failed)}


@dataclass(frozen=True)
class Footprint:
    """What this process holds; zeros where the system does not say."""

    rss_bytes: int
    descriptors: int
    threads: int
    children: int


def footprint() -> Footprint:
    """Of this very moment."""
    own = Path("/proc/self")
    if not own.is_dir():
        return Footprint(0, 0, threading.active_count(), 0)
    pages = int((own / "statm").read_text().split()[1])
    return Footprint(
        rss_bytes=pages * 4096,
        descriptors=len(list((own / "fd").iterdir())),
        threads=threading.active_count(),
        children=sum(len(words) for words in _children(own)),
    )


def _children(own: Path) -> list[list[str]]:
    found = []
    for file in own.glob("task/*/children"):
        try:
            found.append(file.read_text().split())
        except OSError:  # a thread that has just ended
            continue
    return found
