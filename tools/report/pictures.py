"""The docs' picture of a terminal, from a real run.

    make flash BOARD=virtual && esp8k pictures

Writes docs/classify.png: what `classify --index 321` prints. Needs chromium, which
draws it.
"""

import io
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from core import paths
from core.cli import parse
from core.errors import Esp8kError
from core.files import scratch
from core.program import run
from core.saying import say
from core.words import DEFAULT_MODEL, ModelName

CHROMIUM = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--hide-scrollbars --blink-settings=preferredColorScheme=1 "
    "--default-background-color=00000000"
)
DRAW_TIMEOUT_S = 120
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 22px; }}
main {{ background: #16181c; border-radius: 12px; padding: 16px 26px 8px; }}
pre {{ margin: 0; color: #d9d9d4; font: 15px "DejaVu Sans Mono", monospace;
  line-height: normal; }}
i {{ display: inline-block; width: 12px; height: 12px; border-radius: 50%;
  background: #3a3e45; margin: 0 7px 12px 0; }}
</style><main><i></i><i></i><i></i><pre>{code}</pre></main>"""


@dataclass(frozen=True)
class Config:
    """Options of `esp8k pictures`."""

    model: ModelName = DEFAULT_MODEL  # which network
    index: int = 321  # a test image that the model is not quite sure of
    docs: Path = paths.ROOT / "docs"  # folder of the picture


def capture(command: list[str]) -> str:
    """What a command shows on a terminal of 256 colours."""
    master, slave = pty.openpty()
    plain = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
        env={**plain, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"},
        cwd=paths.ROOT,
    )
    os.close(slave)
    content = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        content += piece
    os.close(master)
    text = content.decode().replace("\r\n", "\n")
    if process.wait():
        raise Esp8kError(f"{' '.join(command)} failed: {text}", "run it by itself")
    return text


def terminal_page(text: str) -> str:
    """ANSI text as HTML that looks like the terminal it came from."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=100, file=io.StringIO(), color_system="256")
    console.print(Text.from_ansi(text), soft_wrap=True)
    code = console.export_html(inline_styles=True, code_format="{code}")
    return TERMINAL.format(code=code)


def screenshot(page: Path, width: int, height: int, out: Path) -> None:
    """What chromium shows of a page, as a PNG."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise Esp8kError("no chromium", "apt-get install chromium")
    with scratch() as folder:
        shot = folder / "shot.png"
        command = [chromium, *CHROMIUM.split(), f"--user-data-dir={folder}/profile"]
        command += [f"--screenshot={shot}", f"--window-size={width},{height}"]
        subprocess.run(
            [*command, page.resolve().as_uri()],
            capture_output=True,
            timeout=DRAW_TIMEOUT_S,
            check=False,
        )
        if not shot.exists():
            raise Esp8kError("chromium drew nothing", f"open {page} in a browser")
        picture = Image.open(shot).convert("RGBA")  # nothing around it, on any page
    out.parent.mkdir(parents=True, exist_ok=True)
    picture.save(out, optimize=True)
    say(f"{out}: {out.stat().st_size:,} bytes")


def main(argv: Sequence[str] | None = None) -> int:
    """Make the picture."""
    config = parse(Config, argv, "pictures", __doc__ or "")
    words = ["--model", config.model, "--board", "virtual"]
    command = ["classify", *words, "--index", str(config.index)]
    program = [sys.executable, "-m", "tools.main", *command]
    shown = f"$ esp8k {' '.join(command)}\n{capture(program)}"
    with scratch() as folder:
        page = folder / "terminal.html"
        page.write_text(terminal_page(shown), encoding="utf-8")
        lines = shown.count("\n")
        screenshot(page, 900, 114 + 18 * lines, config.docs / "classify.png")
    return 0


if __name__ == "__main__":
    run(main)
