"""Xtensa code for the ESP32's LX6 core from Debian's packages alone.

Debian's assembler knows the lx106 core only; LLVM's knows the ESP32's. So gcc writes
text, MAC16 and loops in inline assembly included, and LLVM's assembler takes it:

    assemble(text, Path("model.o"))
    python -m tools.bench.assemble_lx6 model.s model.o    # as a build does

What that assembler lacks is put into words that it has: GNU's names of data, a shift
by more than 15, branches that reach further than one instruction does.
"""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.cli import Positional, parse
from core.errors import CheckFailed, Esp8kError
from core.inputs import read_text
from core.program import run

ASSEMBLER = "llvm-mc-22"
COMMAND = (ASSEMBLER, "-triple=xtensa", "-mcpu=esp32", "-filetype=obj")
INSTALL = "apt install llvm-22"
TIMEOUT_S = 300
ROUNDS = 20  # a longer branch can put another one out of reach
DATA = {"word": "4byte", "hword": "2byte", "half": "2byte", "short": "2byte"}
PAIRS = (
    *(("beq", "bne"), ("beqz", "bnez"), ("blt", "bge"), ("bltu", "bgeu")),
    *(("bltz", "bgez"), ("bany", "bnone"), ("ball", "bnall"), ("bbc", "bbs")),
    *(("bbci", "bbsi"), ("beqi", "bnei"), ("blti", "bgei"), ("bltui", "bgeui")),
)
INVERSE = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
BRANCH = re.compile(r"\s*(\w+)(?:\.n|\.w15|\.w18)?\s+(.*),\s*(\S+)\s*$")
FAR = re.compile(r"<stdin>:(\d+):\d+: error: fixup value out of range")
SHIFT = re.compile(r"^(\s*)srli(\s+a\d+,\s*(?:a\d+|sp)),\s*(\d+)", re.M)


@dataclass(frozen=True)
class Config:
    """Options of `python -m tools.bench.assemble_lx6`."""

    text: Positional[Path]  # what gcc -S wrote
    target: Positional[Path]  # the object file


def main(argv: Sequence[str] | None = None) -> int:
    """Assemble one file."""
    config = parse(Config, argv, "tools.bench.assemble_lx6", __doc__ or "", "python -m")
    assemble(read_text(config.text, "what gcc -S wrote"), config.target)
    return 0


def assemble(text: str, target: Path) -> None:
    """The object file of GNU assembler text."""
    lines = translated(text).split("\n")
    for _ in range(ROUNDS):
        done = _run("\n".join(lines), target)
        if done.returncode == 0:
            return
        far = [int(number) for number in FAR.findall(done.stderr)]
        if not far:
            raise CheckFailed(f"{ASSEMBLER}: {_first(done.stderr)}", target.name)
        for number in far:
            lines[number - 1] = relaxed(lines[number - 1], f"{len(lines)}_{number}")
        lines = "\n".join(lines).split("\n")
    raise CheckFailed(f"{ASSEMBLER}: branches stay out of reach", target.name)


def translated(text: str) -> str:
    """GNU's spellings as LLVM has them."""
    for gnu, llvm in DATA.items():
        text = re.sub(rf"^(\s*)\.{gnu}\b", rf"\1.{llvm}", text, flags=re.M)
    return SHIFT.sub(_shift, text)


def _shift(found: re.Match[str]) -> str:
    """SRLI reaches 15; EXTUI does the same for more."""
    bits = int(found[3])
    if bits < 16:
        return found[0]
    return f"{found[1]}extui{found[2]}, {bits}, {32 - bits}"


def relaxed(line: str, name: str) -> str:
    """A branch out of reach as its inverse over a jump, as GNU's assembler has it."""
    found = BRANCH.match(line)
    if found is None or found[1] not in INVERSE:
        raise CheckFailed(f"{ASSEMBLER}: {line.strip()} does not reach", "split it")
    skip = f".Lnear{name}"
    return f"\t{INVERSE[found[1]]}\t{found[2]}, {skip}\n\tj\t{found[3]}\n{skip}:"


def _run(text: str, target: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [*COMMAND, "-o", str(target)],
            input=text,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    except FileNotFoundError as error:
        raise Esp8kError(f"there is no {ASSEMBLER}", INSTALL) from error


def _first(text: str) -> str:
    return next((x for x in text.splitlines() if "error" in x), text[:200]).strip()


if __name__ == "__main__":
    run(main)
