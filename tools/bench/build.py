"""Compile a model's C for a target and say how many bytes it takes there.

    built = build(program, "lx106", flags, images, folder)

Ours and a rival's go through the same compilers, linker scripts and start code
(`tools/bench/rivals/bare/`). Bytes are summed over the linker's map, by `link_map`.
"""

import os
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from core import family
from core.errors import CheckFailed, Esp8kError
from core.paths import ROOT, build_root
from core.pixels import IMAGE_BYTES
from core.words import EMULATED
from tools.bench.assemble_lx6 import assemble
from tools.bench.link_map import sections, shares
from tools.bench.targets import BARE, ESP32, TARGETS, Target

DIRECT = ROOT / "firmware" / "port" / "esp32_direct"
RUNTIME = DIRECT / "runtime"
TIMEOUT_S = 300  # one run of the compiler


@dataclass(frozen=True)
class Program:
    """C to be measured: a model's sources, and the adapter that calls them."""

    name: str
    sources: tuple[Path, ...]
    includes: tuple[Path, ...]
    adapter: str  # C that defines bench_prepare and bench_run
    output_bytes: int
    defines: tuple[str, ...] = ()
    image_bytes: int = IMAGE_BYTES  # one input, as bytes
    warnings: tuple[str, ...] = ("-w",)  # other people's code has its own


@dataclass(frozen=True)
class Built:
    """A linked program and the model's share of it."""

    elf: Path
    target: Target
    flags: tuple[str, ...]
    compiler: str  # gcc 12.2.0
    code_bytes: int
    const_bytes: int
    ram_bytes: int  # arena, .data and .bss; no stack, no input, no output
    helper_bytes: int  # code of libgcc and soft float that the model calls


def build(
    program: Program,
    target: str,
    flags: list[str],
    images: np.ndarray,
    folder: Path,
    stages: bool = False,
    compiler: tuple[str, ...] = (),
) -> Built:
    """Compile and link `program` below `folder`; `images` (N, bytes) go on board.

    `compiler` compiles the model in place of the target's gcc, which always links.
    """
    where = TARGETS[target]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter.c").write_text(_adapter(program))
    (folder / "images.c").write_text(_images(images, stages))
    includes = [f"-I{path}" for path in (BARE, *program.includes)]
    defines = [f"-D{name}" for name in program.defines]
    own = [*where.compile, *flags, *program.warnings, *defines, *includes]
    if where.evidence == EMULATED:
        own = [*own, f"-I{BARE / 'include'}"]
    objects = [
        _compile(where, path, own, folder / f"model_{i}.o", compiler)
        for i, path in enumerate(program.sources)
    ]
    objects.append(_compile(where, folder / "adapter.c", own, folder / "adapter.o"))
    objects += _harness(where, folder, includes)
    elf, link_map = _link(where, objects, folder)
    sizes = sections(link_map.read_text())
    return Built(elf, where, tuple(flags), version(where), *shares(sizes))


def _link(where: Target, objects: list[Path], folder: Path) -> tuple[Path, Path]:
    """The program, and the linker's map of it."""
    elf, link_map = folder / "program.elf", folder / "program.map"
    run_tool(
        [
            f"{where.prefix}gcc",
            *where.link,
            "-Wl,--gc-sections",
            "-Wl,--no-warn-rwx-segments",
            *("-Xlinker", f"-Map={link_map}"),  # -Wl, would part it at a comma
            *map(str, objects),
            *(["-lgcc"] if where.evidence == EMULATED else ["-lm"]),
            "-o",
            str(elf),
        ],
        where,
    )
    return elf, link_map


def _adapter(program: Program) -> str:
    return (
        '#include "bench.h"\n'
        f"const uint32_t bench_image_bytes = {program.image_bytes}u;\n"
        f"const uint32_t bench_output_bytes = {program.output_bytes}u;\n"
        f"{program.adapter}"
    )


def _images(images: np.ndarray, stages: bool) -> str:
    numbers = ",".join(map(str, images.reshape(-1)))
    return (
        "#include <stdint.h>\n"
        f"const uint32_t bare_images = {len(images)}u;\n"
        f"const uint32_t bare_stages = {int(stages)}u;\n"
        f"const uint8_t bare_pixels[] = {{{numbers}}};\n"
    )


def _harness(target: Target, folder: Path, includes: list[str]) -> list[Path]:
    """Objects of what surrounds the model: harness_*, and helper_* that gcc calls."""
    if target.name == "host":
        return [*_kept_objects(target.name)]
    flags = [*target.compile, "-O2", *includes]
    images = _compile(target, folder / "images.c", flags, folder / "harness.o")
    return [images, *_kept_objects(target.name)]


def _kept_sources(where: Target) -> list[tuple[str, Path]]:
    """What surrounds every model on a core, as a harness or as helpers."""
    target = where.name
    if target == "host":
        return [("harness", BARE / "host.c")]
    start = ("esp32.s", f"{target}.s") if target in ESP32 else (f"{target}.S",)
    main = "xtensa.c" if where.family == "xtensa" else f"{target}.c"
    names = (*start, main, "bare.c")
    sources = [("harness", BARE / name) for name in names]
    sources.append(("helper", BARE / "memory.c"))
    if target in ESP32:
        sources.append(("harness", DIRECT / "mulsh.S"))
    if where.family == "xtensa":
        sources += [("helper", path) for path in sorted(RUNTIME.glob("*.c"))]
    return sources


@cache
def _kept_objects(target: str) -> tuple[Path, ...]:
    """Start code, counter and helpers of a core, compiled once a process."""
    where = TARGETS[target]
    folder = build_root() / "bench" / "harness" / target
    folder.mkdir(parents=True, exist_ok=True)
    flags = [*where.compile, "-O2", f"-I{BARE}", f"-I{DIRECT}"]
    objects = []
    for kind, path in _kept_sources(where):
        out = folder / f"{kind}_{path.name}.o"
        # Another process may be linking this very file.
        own = folder / f"{os.getpid()}_{out.name}"
        _compile(where, path, flags, own).replace(out)
        objects.append(out)
    return tuple(objects)


def _compile(
    target: Target,
    source: Path,
    flags: list[str],
    out: Path,
    compiler: tuple[str, ...] = (),
) -> Path:
    if target.name in ESP32 and source.suffix != ".S":
        text = source.read_text()
        if source.suffix != ".s":
            command = [f"{target.prefix}gcc", *flags, "-S", str(source), "-o", "-"]
            text = run_tool(command, target)
        assemble(text, out)
        return out
    chosen = compiler or (f"{target.prefix}gcc",)
    run_tool([*chosen, *flags, "-c", str(source), "-o", str(out)], target)
    return out


def run_tool(command: list[str], target: Target) -> str:
    """Stdout of a compiler or a linker; raises CheckFailed with the line that tells."""
    if shutil.which(command[0]) is None:
        raise Esp8kError(f"there is no {command[0]}", target.install)
    done = family.heard(command, TIMEOUT_S)
    if done.returncode:
        raise CheckFailed(
            f"{command[0]}: {_cause(done.stderr)}", " ".join(command[-6:])
        )
    return done.stdout


def _cause(stderr: str) -> str:
    """The line that tells why; collect2 only repeats that the linker failed."""
    lines = [x.strip() for x in stderr.splitlines() if not x.startswith("collect2:")]
    told = [x for x in lines if "error:" in x or "undefined" in x]
    plain = [x for x in lines if "warning:" not in x and "In function" not in x]
    return (told or plain or lines or ["no message"])[0]


@cache
def version(target: Target) -> str:
    """Compiler and its version."""
    told = run_tool([f"{target.prefix}gcc", "-dumpfullversion"], target)
    return f"gcc {told.strip()}"
