"""Hardware in the loop: flash a board, then try on it all that it promises.

    esp8k test-board --board virtual
    esp8k test-board --port /dev/ttyUSB0 --images 10000

Boot, both dialects, images against the host's logits, a reset in the middle of a
batch, a switch of the baud rate: tests/on_board, run by pytest with pytest-embedded
at the serial line. One port, one board; it holds the model afterwards. Exit code 1
if a test fails.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec

from core import family
from core.cli import parse, require_range
from core.errors import EXIT_CHECK_FAILED, EXIT_OK, Esp8kError
from core.files import scratch
from core.paths import ROOT
from core.program import run
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from tools.boards import boards, flash

TESTS = ROOT / "tests" / "on_board"
PLUGIN = "pytest_embedded_serial"
LEAST_IMAGES = 20  # a reset in mid-batch needs a batch


@dataclass(frozen=True)
class Config:
    """Options of `esp8k test-board`."""

    model: ModelName = DEFAULT_MODEL  # whose firmware
    board: str | None = None  # virtual, twin, esp32dev, ...; found if absent
    port: str | None = None  # serial port or pyserial URL; found if absent
    serial: str | None = None  # MAC or USB serial number among several
    images: int = 1000  # test images with each engine
    flash: bool = True  # whether the firmware is written first
    json: bool = False  # print the result as JSON; pytest's lines go to stderr


def main(argv: Sequence[str] | None = None) -> int:
    """Flash, test, say so."""
    config = parse(Config, argv, "test-board", __doc__ or "")
    require_range(config, images=(LEAST_IMAGES, 10_000))
    if not find_spec(PLUGIN):
        raise Esp8kError(f"{PLUGIN} is not installed", "run: make setup")
    use = boards.FLASH if config.flash else boards.TALK
    board = boards.choose(config.board, config.port, use, config.serial)
    if config.flash:
        result = flash.flash(config.model, board)
        if not config.json:
            flash.show(result)
    out = sys.stderr if config.json else None
    with scratch() as logs:
        words = [*command(config, board), "--root-logdir", str(logs)]
        done = family.run(words, cwd=TESTS, stdout=out)
    if config.json:
        told = {"model": config.model, **asdict(board), "images": config.images}
        print(for_json({**told, "passed": done.returncode == 0}))
    return EXIT_CHECK_FAILED if done.returncode else EXIT_OK


def command(config: Config, board: boards.Board) -> list[str]:
    """Pytest over the tests of a board, and nothing else of this checkout."""
    words = [sys.executable, "-m", "pytest", str(TESTS), "-v", "--no-header"]
    # The suite's own options leave pytest-embedded out: it costs seconds a test.
    words += ["--rootdir", str(TESTS), "-o", f"pythonpath={ROOT}"]
    words += ["-o", "addopts=--import-mode=importlib --tb=short"]
    words += ["-o", "console_output_style=classic"]
    words += ["-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"]
    words += ["-W", "ignore::pytest.PytestExperimentalApiWarning"]
    words += ["--embedded-services", "serial", "--images", str(config.images)]
    words += ["--model", config.model, "--board", board.name]
    return [*words, "--board-port", board.port] if board.port else words


if __name__ == "__main__":
    run(main)
