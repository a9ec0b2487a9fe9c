"""The deepest stack that the firmware can need, along its call graph.

    esp8k stack-depth build/v3/virtual/firmware.elf

Frames and calls are read from the linked code itself, so inlining, the C library
and the soft-float runtime are in it. A call through a pointer may reach any
function whose address is taken. Recursion has no bound and is an error.
"""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.cli import Positional, parse
from core.errors import CheckFailed, Esp8kError
from core.program import run
from core.text import for_json
from tools.boards.footprint import measure

OBJDUMP = "xtensa-lx106-elf-objdump"
ROOT_FUNCTION = "board_main"
INTERRUPT_FUNCTION = "board_interrupt"
INTERRUPT_FRAME = 64  # interrupt_entry in start.S, on the interrupted stack
OUTSIDE = {"board_panic", "unexpected_entry", "kernel_entry", "double_entry"}
OUTSIDE |= {"text_start", "vector_base", "reset_entry"}  # no C code calls them
RECENT = 24  # instructions back that may have loaded a callx0's target

FUNCTION = re.compile(r"^([0-9a-f]+) <([^>]+)>:$")
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\t[0-9a-f ]+\t(.+)$")
BRANCH = re.compile(r"^(?:b|loop|j )\S*.*?\b([0-9a-f]{8}) <")
FRAME = re.compile(r"addi(?:\.n)?\s+a1, a1, -(\d+)")
LARGE_FRAME = re.compile(r"sub\s+a1, a1, (a\d+)")
CONSTANT = re.compile(r"(?:movi(?:\.n)?|l32r)\s+(a\d+), (-?\w+)(?: <([^>]+)>)?")
CALL = re.compile(r"\b(call0|j)\s+([0-9a-f]+) <[^>+]+>")
CALL_POINTER = re.compile(r"\b(?:callx0|jx)\s+(a\d+)")


@dataclass
class Function:
    """What one function's instructions say. Others are meant by their address:
    static functions of two files may share a name."""

    name: str
    frame: int = 0
    calls: set[int] = field(default_factory=set)
    takes: set[int] = field(default_factory=set)  # where only the address is used
    calls_pointers: bool = False


@dataclass(frozen=True)
class Config:
    """Options of `esp8k stack-depth`."""

    elf: Positional[Path]  # build/<model>/<board>/firmware.elf
    json: bool = False  # print JSON


def main(argv: Sequence[str] | None = None) -> int:
    """Print the deepest path; 1 if it does not fit the stack."""
    config = parse(Config, argv, "stack-depth", __doc__ or "")
    budget = int(measure(config.elf)["stack_bytes"])
    total, path = worst(config.elf)
    if config.json:
        frames = [{"function": one.name, "bytes": one.frame} for one in path]
        figures = {"worst_bytes": total, "stack_bytes": budget, "path": frames}
        print(for_json(figures))
    else:
        for one in path:
            print(f"{one.frame:7,d}  {one.name}")
        print(f"{total:7,d}  bytes at most, an interrupt included, of {budget:,}")
    require(total, budget)
    return 0


def require(total: int, budget: int) -> None:
    """Refuse a firmware whose stack can overflow."""
    if total > budget:
        raise CheckFailed(
            f"the stack can overflow: {total:,} bytes of {budget:,}",
            "raise stack_size in the linker script, or split a frame",
        )


def worst(elf: Path) -> tuple[int, list[Function]]:
    """Bytes, and the path that needs them."""
    functions = read(elf)
    entry = {one.name: address for address, one in functions.items()}
    taken = {address for one in functions.values() for address in one.takes}
    taken -= {entry[name] for name in OUTSIDE & entry.keys()}
    for one in functions.values():
        if one.calls_pointers:
            one.calls |= taken
    total, path = _deepest(entry[ROOT_FUNCTION], functions, {}, [])
    if INTERRUPT_FUNCTION in entry:
        extra, _ = _deepest(entry[INTERRUPT_FUNCTION], functions, {}, [])
        total += INTERRUPT_FRAME + extra
    return total, [functions[address] for address in path]


def _deepest(
    at: int,
    functions: dict[int, Function],
    known: dict[int, tuple[int, list[int]]],
    above: list[int],
) -> tuple[int, list[int]]:
    if at in above:
        cycle = [functions[address].name for address in above[above.index(at) :]]
        raise CheckFailed(
            f"recursion has no bound: {' -> '.join([*cycle, cycle[0]])}",
            "make it a loop",
        )
    if at not in known:
        below: tuple[int, list[int]] = (0, [])
        for callee in functions[at].calls & functions.keys():
            below = max(below, _deepest(callee, functions, known, [*above, at]))
        known[at] = functions[at].frame + below[0], [at, *below[1]]
    return known[at]


# ==== Reading the code ========================================================


def read(elf: Path) -> dict[int, Function]:
    """Every function of the image, by address, with its frame and its calls."""
    literals = _literals(elf)
    bodies: dict[int, tuple[str, dict[int, str]]] = {}
    body: dict[int, str] = {}
    for line in _objdump(elf, "-d").splitlines():
        if match := FUNCTION.match(line):
            body = {}
            bodies[int(match[1], 16)] = match[2], body
        elif match := INSTRUCTION.match(line):
            body[int(match[1], 16)] = match[2].replace("\t", " ")
    return {
        address: _function(address, name, _in_step(elf, lines), set(bodies), literals)
        for address, (name, lines) in bodies.items()
    }


def _in_step(elf: Path, lines: dict[int, str]) -> list[str]:
    """objdump takes the padding before a branch target for instructions and then
    is out of step: begin again at each target that it stepped over."""
    done = 0
    while lines:
        targets = {
            int(match[1], 16)
            for line in lines.values()
            if (match := BRANCH.search(line))
        }
        missed = {at for at in targets if done < at < max(lines)} - lines.keys()
        missed = {at for at in missed if at > min(lines)}
        if not missed:
            break
        done = min(missed)
        first, end = min(missed), max(lines) + 1
        lines = {at: line for at, line in lines.items() if at < first}
        where = [f"--start-address={first:#x}", f"--stop-address={end:#x}"]
        for line in _objdump(elf, "-d", *where).splitlines():
            if match := INSTRUCTION.match(line):
                lines[int(match[1], 16)] = match[2].replace("\t", " ")
    return [lines[at] for at in sorted(lines)]


def _function(
    address: int,
    name: str,
    lines: list[str],
    starts: set[int],
    literals: dict[int, int],
) -> Function:
    one = Function(name)
    constants: dict[str, tuple[int, int | None]] = {}
    loaded: set[int] = set()
    for at, line in enumerate(lines):
        if match := FRAME.search(line):
            one.frame = max(one.frame, int(match[1]))
        if match := CONSTANT.search(line):
            value = _constant(line, match, literals)
            constants[match[1]] = at, value
            loaded |= {value} & starts if value is not None else set()
        if match := LARGE_FRAME.search(line):
            one.frame = max(one.frame, constants.get(match[1], (0, None))[1] or 0)
        if match := CALL.search(line):
            to = int(match[2], 16)
            if to in starts and (match[1] == "call0" or to != address):
                one.calls.add(to)  # a jump to its own start is a loop
        elif match := CALL_POINTER.search(line):
            when, value = constants.get(match[1], (-RECENT, None))
            if value in starts and at - when < RECENT:
                one.calls.add(value)
            else:
                one.calls_pointers = True
    one.takes = loaded - one.calls
    return one


def _constant(line: str, match: re.Match[str], literals: dict[int, int]) -> int | None:
    if "l32r" in line:
        return literals.get(int(match[2], 16))
    try:
        return int(match[2], 0)
    except ValueError:
        return None


def _literals(elf: Path) -> dict[int, int]:
    """Every aligned word of .text: l32r reads its constants there."""
    words: dict[int, int] = {}
    for line in _objdump(elf, "-s", "-j", ".text").splitlines():
        parts = line.split()
        if len(parts) < 2 or not re.fullmatch(r"[0-9a-f]{8}", parts[0]):
            continue
        raw = bytes.fromhex("".join(re.findall(r"[0-9a-f]{8}", line[9:45])))
        for at in range(0, len(raw) - 3, 4):
            words[int(parts[0], 16) + at] = int.from_bytes(raw[at : at + 4], "little")
    return words


def _objdump(elf: Path, *options: str) -> str:
    try:
        done = subprocess.run(
            [OBJDUMP, *options, str(elf)], capture_output=True, text=True, timeout=60
        )
    except FileNotFoundError as error:
        raise Esp8kError(
            f"{OBJDUMP} is not installed", "apt-get install gcc-xtensa-lx106"
        ) from error
    if done.returncode:
        raise Esp8kError(done.stderr.strip().splitlines()[-1], "run: make flash")
    return done.stdout


if __name__ == "__main__":
    run(main)
