"""Draw a digit in a web page, with a board behind it.

    esp8k draw --model v3 --board virtual
    esp8k draw --lan              # a phone may draw: the address as a QR code

Serves the page of `esp8k web` on 127.0.0.1, and the board's serial line as a WebSocket:
the page itself speaks the binary dialect to it, as it does to a board by Web Serial.
With --lan it listens beyond this computer, and only to those who have the address with
its token. Ctrl-C ends it.
"""

import secrets
import sys
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.cli import parse, require_range
from core.paths import model_dir
from core.program import run
from core.words import DEFAULT_MODEL, ModelName
from tools.web import build as page
from tools.web import server
from tools.web.guard import Site
from tools.web.line import BoardLine

LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class Config:
    """Options of `esp8k draw`."""

    model: ModelName = DEFAULT_MODEL  # which network
    board: str | None = None  # virtual, twin, esp32dev, ...; found if absent
    port: str | None = None  # serial port or pyserial URL; found if absent
    http_port: int = 8000  # port of the page; 0 takes any free one
    lan: bool = False  # let others on this network draw, by a secret address
    browser: bool = True  # whether a browser opens the page


def main(
    argv: Sequence[str] | None = None,
    started: Callable[[server.Server], None] | None = None,
) -> int:
    """Open the board, serve until Ctrl-C."""
    config = parse(Config, argv, "draw", __doc__ or "")
    require_range(config, http_port=(0, 65535))
    # Before anything is built or flashed: a port that is taken is said at once.
    with server.listen(address_of(config), config.http_port) as listening:
        folder = page.build(config.model)
        from tools.boards import boards

        board = boards.choose(config.board, config.port)
        with (
            BoardLine(board, config.model, model_dir(config.model)) as line,
            server.Server(site_of(folder, config, line), listening) as running,
        ):
            print(f"draw at {running.url}   (Ctrl-C ends it)", flush=True)
            if config.lan:
                show_code(running.url)
            if started is not None:
                started(running)
            elif config.browser and sys.stdout.isatty():
                webbrowser.open(running.url)
            running.wait()
    return 0


def site_of(folder: Path, config: Config, line: BoardLine) -> Site:
    """What is served, where and to whom."""
    about = replace(
        page.describe(folder.parent), socket="board", evidence=line.board.evidence
    )
    return Site(
        folder=folder,
        about=asdict(about),
        line=line,
        address=address_of(config),
        token=secrets.token_urlsafe(16) if config.lan else "",
    )


def address_of(config: Config) -> str:
    """This computer's, as those see it who may draw."""
    return server.lan_address() if config.lan else LOCAL


def show_code(url: str) -> None:
    """The address as a QR code, for a phone's camera."""
    import segno

    segno.make(url, error="l").terminal(out=sys.stdout, compact=True)


if __name__ == "__main__":
    run(main)
