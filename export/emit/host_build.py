"""The generated C, built for this machine and run through ctypes.

    library = build(component, scratch)
    logits = library.int8(images)     # (N, 10) int8
    logits = library.f16(images)      # (N, 10) float32

Compiled with the house's warnings as errors and the flags of
`firmware/components/nn/flags.json`. A guard behind the arena tells of an overrun.
"""

import ctypes
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core import family
from core.errors import CheckFailed, Esp8kError
from export.emit.generate import flags
from export.plan.record import load_plan

BUG = "a bug of the generator: report it with this model"
GUARD = 1024  # bytes behind the arena that the code must leave alone
GUARD_BYTE = 0xA5
OK = 0  # <PREFIX>_OK
STATE_ALIGNMENT = 16
WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wshadow",
    "-Wconversion",
    "-Werror",
)
TIMEOUT_S = 300  # for one compilation


def host_compiler() -> str:
    """The host's C compiler."""
    name = os.environ.get("CC") or "gcc"
    if shutil.which(name) is None:
        raise Esp8kError(
            f"there is no C compiler {name!r}", "apt install gcc, or set CC"
        )
    return name


def defines(header: Path, *options: str) -> dict[str, str]:
    """The macros of a generated header, as a compiler with these options has them."""
    command = [host_compiler(), *flags("host"), *options, "-E", "-dM", str(header)]
    done = family.heard(command, TIMEOUT_S)
    if done.returncode:
        raise CheckFailed(
            f"{header.name} cannot be read: {done.stderr.strip()}",
            BUG,
        )
    return dict(re.findall(r"^#define (\w+) +(.+?) *$", done.stdout, re.M))


def number(text: str) -> int:
    """A C integer literal."""
    return int(text.strip("()").rstrip("uUlL"), 0)


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """To an array's first element; the array has to outlive it."""
    return ctypes.c_void_p(array.ctypes.data)


def aligned(size: int, alignment: int, fill: int) -> np.ndarray:
    """(size,) bytes at a multiple of `alignment`, every byte `fill`."""
    room = np.full(size + alignment, fill, np.uint8)
    start = -room.ctypes.data % alignment
    return room[start : start + size]


class Library:
    """A component that was compiled with `options`; arrays in, arrays out."""

    def __init__(self, component: Path, path: Path, *options: str) -> None:
        self.plan = load_plan(component / "plan.json")
        self.path = path
        prefix = self.plan.prefix
        header = component / "src" / f"{prefix}_model.h"
        self.defines = {
            key.removeprefix(f"{prefix.upper()}_"): value
            for key, value in defines(header, *options).items()
        }
        self._library = ctypes.CDLL(str(path))

    def int8(self, images: np.ndarray) -> np.ndarray:
        """Logits of raw pixels (N, 28, 28) uint8 by the int8 engine."""
        return self.run("int8", images)

    def f16(self, images: np.ndarray) -> np.ndarray:
        """Logits of raw pixels (N, 28, 28) uint8 by the float16 engine."""
        return self.run("f16", images)

    def run(self, engine: str, images: np.ndarray) -> np.ndarray:
        """Outputs (N, ...) of N inputs of raw bytes, or of int16."""
        images = self.inputs(images, engine)
        logits = self.outputs(engine, len(images))
        arena, size = self.arena(engine), self.arena_bytes(engine)
        state = self._reset(engine)
        for image, row in zip(images, logits, strict=True):
            self.call(f"{engine}_run", arena, *state, image, row)
        if (arena[size:] != GUARD_BYTE).any():
            raise CheckFailed(
                f"the generated {engine} code writes behind its arena of {size} bytes",
                BUG,
            )
        return logits

    def views(self, engine: str, images: np.ndarray) -> np.ndarray:
        """Sums of the logits of five views, (N, elements); a component with them."""
        images = self.inputs(images)
        sums = self.outputs(engine, len(images))
        sums = sums.astype(np.int32 if engine == "int8" else np.float32)
        arena, view = self.arena(engine), np.zeros_like(images[0])
        for image, row in zip(images, sums, strict=True):
            self.call(f"{engine}_run_views", arena, view, image, row)
        return sums

    def inputs(self, images: np.ndarray, engine: str = "int8") -> np.ndarray:
        """As the C takes them: (N, bytes), or (N, values) of int16."""
        wide = engine == "int16"
        size = number(self.defines["INPUT_SIZE" if wide else "INPUT_BYTES"])
        kind = np.int16 if wide else np.uint8
        return np.ascontiguousarray(images, kind).reshape(-1, size)

    def outputs(self, engine: str, count: int) -> np.ndarray:
        """Room for `count` outputs, (N, elements)."""
        kind = np.dtype(np.float32 if engine == "f16" else engine)
        return np.zeros((count, number(self.defines["OUTPUT_SIZE"])), kind)

    def arena_bytes(self, engine: str) -> int:
        """As the header says."""
        return number(self.defines[f"{engine.upper()}_ARENA_BYTES"])

    def arena(self, engine: str, fill: int = GUARD_BYTE) -> np.ndarray:
        """Aligned working memory with a guard behind it, every byte `fill`."""
        size = self.arena_bytes(engine) + GUARD
        return aligned(size, number(self.defines["ARENA_ALIGNMENT"]), fill)

    def call(self, function: str, *arguments: Any) -> None:
        """A function of the component, arrays as pointers; raises CheckFailed."""
        given = (pointer(x) if isinstance(x, np.ndarray) else x for x in arguments)
        status = getattr(self._library, f"{self.plan.prefix}_{function}")(*given)
        if status != OK:
            raise CheckFailed(
                f"the generated code's {function} gives status {status}",
                BUG,
            )

    def _reset(self, engine: str) -> list[np.ndarray]:
        """A state as it is before the first call, where the network has one."""
        size = self.defines.get(f"{engine.upper()}_STATE_BYTES")
        if size is None:
            return []
        state = aligned(number(size), STATE_ALIGNMENT, 0)
        self.call(f"{engine}_reset", state)
        return [state]


def compile_c(
    sources: Sequence[Path],
    includes: Sequence[Path],
    target: Path,
    *extra: str,
    compiler: str = "",
) -> None:
    """Compile and link C for the host; a warning is an error."""
    command = [
        compiler or host_compiler(),
        *flags("host"),
        *WARNINGS,
        *extra,
        *(f"-I{folder}" for folder in includes),
        *map(str, sources),
        "-o",
        str(target),
        "-lm",
    ]
    done = family.heard(command, TIMEOUT_S)
    if done.returncode:
        first = next((x for x in done.stderr.splitlines() if "error" in x), "")
        raise CheckFailed(
            f"the generated C does not compile: {first.strip()}",
            BUG,
        )


def shared_object(
    component: Path, scratch: Path, *extra: str, compiler: str = ""
) -> Path:
    """A component compiled below `scratch`, to be loaded."""
    scratch.mkdir(parents=True, exist_ok=True)
    target = scratch / "model.so"
    sources = sorted((component / "src").glob("*.c"))
    options = ("-shared", "-fPIC", *extra)
    compile_c(sources, [component / "src"], target, *options, compiler=compiler)
    return target


def build(component: Path, scratch: Path) -> Library:
    """Compile a component below `scratch` and load it."""
    return Library(component, shared_object(component, scratch))
