"""Models as strangers bring them: each operator, each idiom, streaming; docs/models.md.

    python -m tools.bench.strangers            # the table on stdout
    python -m tools.bench.strangers --write    # into docs/models.md

Every model (`stranger_models`) is compiled as anybody's, and its C held to
TFLite Micro in every byte.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.cli import parse
from core.errors import Esp8kError
from core.files import write_text
from core.paths import ROOT
from core.program import run
from export.compile import compile_model
from export.frontend.tflite import open_shapes
from export.graph.read import read_tflite
from export.reference import lite, tflm
from tools.bench.stranger_models import everything

PAGE = ROOT / "docs" / "models.md"
HELD = {
    f"the integer reference and {tflm.NAME}": "exact",
    f"the integer reference and {lite.NAME}": "exact with TensorFlow Lite",
}
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


@dataclass(frozen=True)
class Row:
    """One model, and what became of it."""

    name: str
    what: str
    arena: int | None
    tflm_arena: int | None
    held: str  # to what, or why it is refused

    def line(self) -> str:
        """Markdown."""
        sizes = (
            f"{n:,}" if n is not None else "" for n in (self.arena, self.tflm_arena)
        )
        return f"| {self.name} | {self.what} | {' | '.join(sizes)} | {self.held} |"


def rows(models: Iterator[tuple[str, str, bytes]]) -> list[Row]:
    """Compile each, hold it to TFLite Micro."""
    found = []
    for name, what, model in models:
        if open_shapes.is_open(read_tflite(model, name)):
            model = open_shapes.settled(model)
        with tempfile.TemporaryDirectory() as folder:
            try:
                result = compile_model(model, "net", name, Path(folder), "balanced")
            except Esp8kError as error:
                found.append(Row(name, what, None, None, f"refused: {error.message}"))
                continue
        sizes = result.arena_bytes, result.tflm_arena_bytes
        held = HELD.get(result.compared_with, result.compared_with)
        found.append(Row(name, what, *sizes, held))
    return found


def table(found: list[Row]) -> str:
    """All rows as markdown."""
    head = "| model | of what | arena, bytes | TFLite Micro's | held to TFLite Micro |"
    lines = [head, "|---|---|---:|---:|---|", *(row.line() for row in found)]
    exact = sum(row.held in HELD.values() for row in found)
    lines += ["", f"{exact} of {len(found)} are accepted and exact."]
    return "\n".join(lines)


@dataclass(frozen=True)
class Config:
    """Options of `python -m tools.bench.strangers`."""

    write: bool = False  # into docs/models.md


def main(argv: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    config = parse(Config, argv, "tools.bench.strangers", __doc__ or "", "python -m")
    text = table(rows(everything()))
    if not config.write:
        print(text)
        return
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    write_text(PAGE, f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    run(main)
