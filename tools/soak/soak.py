"""Everything at once, for as long as one likes, and the figures.

    esp8k soak --minutes 60            # or: make soak MINUTES=60

Boards without hardware and the page, beside one another: random commands of both
dialects on a clean line, each answer and every count against a model written from
firmware/PROTOCOL.md; then bad lines, changes of the baud rate, crashes; then another
boot. Exit code 1 if anything was other than the document and the host's reference say,
if a request got no answer, or if memory, ports, processes or files are left.
"""

import contextlib
import json
import os
import random
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from core.cli import SEEDS, parse, require_range
from core.errors import CheckFailed
from core.files import scratch
from core.program import run
from core.saying import say
from core.text import for_json, one_line
from core.words import DEFAULT_MODEL, ModelName
from tools.boards import boards, virtual_board
from tools.boards.catalogue import Local
from tools.soak.clean import CleanLine
from tools.soak.faulty import FaultyLine
from tools.soak.figures import MIB, SHOWN, Divergence, Figures, footprint
from tools.soak.oracle import Oracle
from tools.soak.page import Visits

PAGE = "page"
STEPS, REQUESTS = 150, 40  # of one boot: on a clean line, on a bad one
FAULT_RATES = (0.0, 0.001, 0.003, 0.01)
MOST_GROWTH = 64 * MIB  # of this process, after its first quarter
HANG_S = 120.0  # a strand that has done nothing for so long
WATCH_S, POLL_S = 0.5, 0.005
CRASH_S = 20.0  # until a process that was killed has its successor
TOLD_S = 60.0  # between two lines of progress


@dataclass(frozen=True)
class Config:
    """Options of `esp8k soak`."""

    minutes: float = 60.0  # how long
    model: ModelName = DEFAULT_MODEL  # exported and flashed to the boards
    boards: tuple[Local, ...] = ("twin", "virtual")  # each in a thread of its own
    page: bool = True  # whether the page's server takes part, with a twin
    seed: int = 0  # of commands, faults and images
    json: bool = False  # print the figures as JSON


class Soak:
    """Threads, one for each board and one for the page, until the time is over."""

    def __init__(self, config: Config, oracle: Oracle) -> None:
        self.config, self.oracle = config, oracle
        names = [*config.boards, *([PAGE] if config.page else [])]
        self.figures = [Figures(name) for name in names]
        self.rss: list[int] = []
        self._stop = threading.Event()

    def run(self) -> None:
        """All of it; returns when every strand has ended."""
        threads = [
            threading.Thread(target=self._strand, args=(figures, number), daemon=True)
            for number, figures in enumerate(self.figures)
        ]
        for thread in threads:
            thread.start()
        try:
            self._watch(time.monotonic() + 60 * self.config.minutes)
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(HANG_S)

    def go_on(self) -> bool:
        """Whether there is time left."""
        return not self._stop.is_set()

    def _watch(self, end: float) -> None:
        told = time.monotonic()
        while (now := time.monotonic()) < end:
            self._stop.wait(min(WATCH_S, end - now))
            self.rss.append(footprint().rss_bytes)
            for figures in self.figures:
                if now - figures.moved_at > HANG_S:
                    figures.wrong.append(f"nothing has happened for {HANG_S:.0f} s")
                    return
            if now - told > TOLD_S:
                told = now
                say(f"{(end - now) / 60:.0f} minutes left: {self._short()}")

    def _short(self) -> str:
        return ", ".join(
            f"{f.name} {sum(f.counts.values()):,} ({len(f.wrong)} wrong)"
            for f in self.figures
        )

    # ==== One strand ====

    def _strand(self, figures: Figures, number: int) -> None:
        draw = random.Random(1000 * self.config.seed + number)
        work = self._page if figures.name == PAGE else self._board
        while self.go_on():
            try:
                work(figures, draw)
            except Divergence as wrong:
                figures.wrong.append(one_line(str(wrong), 400))
            except Exception as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                told = f"{type(error).__name__} in {where.name}: {error}"
                figures.wrong.append(one_line(told, 400))
                self._stop.wait(1.0)

    def _board(self, figures: Figures, draw: random.Random) -> None:
        """One boot: a clean line, a bad one, the end."""
        name = figures.name
        with virtual_board.start(self.config.model, name) as board:
            line = CleanLine(board.port, self.oracle, draw, figures)
            with contextlib.closing(line):
                line.run(STEPS, self.go_on)

            rate = draw.choice(FAULT_RATES)
            can = partial(crash, board) if name == "twin" else None
            faulty = FaultyLine(self.oracle, draw, figures, can)
            faulty.run(board.port, rate, REQUESTS, self.go_on)
        figures.add("boots")

    def _page(self, figures: Figures, draw: random.Random) -> None:
        """The server until the time is over, or until something was wrong."""
        from core.paths import model_dir
        from tools.web import build, server
        from tools.web.draw import Config as DrawConfig
        from tools.web.draw import site_of
        from tools.web.line import BoardLine

        model = self.config.model
        folder = build.build(model)
        twin = boards.choose("twin", None, quiet=True)
        with BoardLine(twin, model, model_dir(model)) as line:
            site = site_of(folder, DrawConfig(model=model), line)
            with server.Server(site) as running:
                visits = Visits(running, line, self.oracle, draw, figures)
                visits.run(self.go_on)  # one at least, however slow the start was
                while self.go_on():
                    visits.run(self.go_on)


def crash(board: virtual_board.VirtualBoard) -> None:
    """Make a twin panic; back when its next boot has begun, so that none is lost."""
    process = board.pid
    assert process is not None
    os.kill(process, signal.SIGSEGV)
    end = time.monotonic() + CRASH_S
    while board.pid == process and time.monotonic() < end:
        time.sleep(POLL_S)


# ==== The command =============================================================


@contextlib.contextmanager
def own_temporary() -> Iterator[Path]:
    """A folder of ours in place of the system's, so that what is left there is ours."""
    before = tempfile.tempdir
    with scratch() as folder:
        tempfile.tempdir = str(folder)
        try:
            yield folder
        finally:
            tempfile.tempdir = before


def soak(config: Config) -> dict[str, Any]:
    """Run it; the figures."""
    say(f"the host's answers of {config.model} ...")
    oracle = Oracle(config.model, config.seed)
    with own_temporary() as folder:
        before = footprint()
        started = time.monotonic()
        work = Soak(config, oracle)
        work.run()
        seconds = time.monotonic() - started
        after = footprint()
        left = sorted(path.name for path in folder.iterdir())
    settled = work.rss[len(work.rss) // 4 :] or [after.rss_bytes]
    return {
        "minutes": round(seconds / 60, 2),
        "strands": {f.name: f.record() for f in work.figures},
        "divergences": [w for f in work.figures for w in f.wrong][:SHOWN],
        "failures": [w for f in work.figures for w in f.failed][:SHOWN],
        "rss_mib": {
            "after_a_quarter": round(settled[0] / MIB, 1),
            "largest": round(max(settled) / MIB, 1),
            "end": round(after.rss_bytes / MIB, 1),
        },
        "left": {
            "files": left,
            "ports_and_files_open": after.descriptors - before.descriptors,
            "threads": after.threads - before.threads,
            "processes": after.children - before.children,
        },
    }


def require(record: dict[str, Any]) -> None:
    """Nothing wrong, nothing missing, nothing left, no growth."""
    strands = record["strands"].values()
    found = {
        "divergences": sum(strand["wrong"] for strand in strands),
        "requests without an answer": sum(strand["failed"] for strand in strands),
        "files left": len(record["left"]["files"]),
        "ports or files open": max(0, record["left"]["ports_and_files_open"]),
        "threads left": max(0, record["left"]["threads"]),
        "processes left": max(0, record["left"]["processes"]),
    }
    rss = record["rss_mib"]
    grown = rss["largest"] - rss["after_a_quarter"]
    if grown * MIB > MOST_GROWTH:
        found["MiB of memory grown"] = round(grown)
    told = [f"{count} {what}" for what, count in found.items() if count]
    if told:
        first = [*record["divergences"], *record["failures"], "see the figures"][0]
        raise CheckFailed(", ".join(told), f"the first: {first}")


def main(argv: Sequence[str] | None = None) -> int:
    """Soak, print the figures, fail where something was wrong."""
    config = parse(Config, argv, "soak", __doc__ or "")
    require_range(config, minutes=(0.01, 100_000), seed=SEEDS)
    record = soak(config)
    if config.json:
        print(for_json(record))
    else:
        show(record)
    require(record)
    return 0


def show(record: dict[str, Any]) -> None:
    """The figures, for people."""
    print(f"{record['minutes']} minutes")
    for name, strand in record["strands"].items():
        print(f"{name}: " + ", ".join(f"{k} {v:,}" for k, v in strand.items()))
    for what in ("divergences", "failures"):
        for text in record[what]:
            print(f"  {what[:-1]}: {text}")
    print(f"memory in MiB: {json.dumps(record['rss_mib'])}")
    print(f"left behind: {json.dumps(record['left'])}")


if __name__ == "__main__":
    run(main)
