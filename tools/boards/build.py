"""Compile the firmware for a board, which need not be there.

    esp8k build --model v3 --board esp32dev

Files: build/<model>/<board>/firmware.elf, app.bin, memory.json.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.cli import parse
from core.program import run
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from tools.boards import boards, flash


@dataclass(frozen=True)
class Config:
    """Options of `esp8k build`."""

    model: ModelName = DEFAULT_MODEL  # whose firmware
    board: str | None = None  # virtual, twin, riscv, esp32dev, ...
    json: bool = False  # print the result as JSON


def main(argv: Sequence[str] | None = None) -> int:
    """Compile, and say what came of it."""
    config = parse(Config, argv, "build", __doc__ or "")
    board = boards.choose(config.board, None, boards.BUILD)
    result = flash.flash(config.model, board, build_only=True)
    if config.json:
        print(for_json(result))
    else:
        flash.show(result)
    return 0


if __name__ == "__main__":
    run(main)
