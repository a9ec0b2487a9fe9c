"""The report's surroundings: progress on stderr, its two files, a summary."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core import files
from core.saying import say
from core.text import for_json
from tools.report import page as report_page
from tools.report.content import Report
from tools.report.data import Progress


@contextlib.contextmanager
def progress_bar(title: str, total: int) -> Iterator[Progress]:
    """A bar on a terminal, a line every tenth elsewhere; both on stderr."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    console = Console(file=sys.stderr)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    lock, done = threading.Lock(), 0
    with Bar(
        *columns,
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(title, total=total)

        def advance(count: int) -> None:
            nonlocal done
            with lock:
                tenths = 10 * done // max(total, 1)
                done += count
                if console.is_terminal:
                    bar.update(task, completed=done)
                elif 10 * done // max(total, 1) > tenths:
                    say(f"{title}: {done:,} of {total:,} answers")

        yield advance


def write(folder: Path, report: Report, images: np.ndarray) -> None:
    """report.json and report.html; where the first is, both are whole, of one run."""
    page = report_page.render(report, images)
    with files.staged(folder, last="report.json") as stage:
        (stage / "report.html").write_text(page, encoding="utf-8")
        (stage / "report.json").write_text(for_json(report, 1) + "\n")


def summary(report: Report, folder: Path) -> str:
    """A few lines for the terminal."""
    board, evidence = report["board"], report["evidence"]
    lines = [f"{report['model']} on {board} ({evidence}), {report['images']:,} images"]
    for engine in report["engines"]:
        lines += _of_engine(report, engine)
    frames = report["frames"]
    if frames:
        equal = min(frames["equal_pictures"], frames["equal_logits"])
        lines.append(
            f"  {equal} of {frames['of']} frames prepared there with equal bits, "
            f"{frames['right']} read rightly"
        )
    link = report["link"]
    lines.append(
        f"  {report['timing']['seconds_for_all']:.0f} s; {link['resets']} resets, "
        f"{link['reopened']} reopenings, {link['retries']} retries"
    )
    return "\n".join([*lines, f"  {folder / 'report.html'}"])


def _of_engine(report: Report, engine: str) -> list[str]:
    """How often it is right, how equal to the host, its cost, how often it is sure."""
    part = report["engines"][engine]
    low, high = part["device"]["wilson95_percent"]
    equal = part["digest"]["host"] == part["digest"]["device"]
    same = part["logits"]["total"] - part["logits"]["different"]
    lines = [
        f"  {engine:5} {part['device']['percent']:.2f} % "
        f"({low:.2f}-{high:.2f}), host {part['host']['percent']:.2f} %",
        f"        equal: {part['agreement']:,} classes, {same:,} logits; "
        f"digest {part['digest']['device']} {'=' if equal else '!='} "
        f"{part['digest']['host']}",
    ]
    count, doubt = report["instructions"].get(engine), part["doubt"]
    if count:
        lines.append(
            f"        {count['min']:,} to {count['max']:,} {report['counter']} "
            f"an image ({report['evidence']}, {count['n']:,} images)"
        )
    if doubt:
        sure = doubt["accuracy_of_sure"]
        lines.append(
            f"        sure {doubt['sure']:,} ({sure['percent']:.2f} % of them "
            f"right), unsure {doubt['unsure']:,}, no digit {doubt['no_digit']:,}"
        )
    return lines
