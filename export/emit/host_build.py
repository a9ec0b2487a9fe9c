"""The generated C, built for this machine and run through ctypes.

    library = build(component, scratch)
    logits = library.int8(images)     # (N, 10) int8
    logits = library.f16(images)      # (N, 10) float32

Compiled with the house's warnings as errors and the flags that CODEGEN keeps in
`firmware/components/nn/flags.json`. A guard behind the arena tells of an overrun.
"""

import ctypes
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CheckFailed, Esp8kError
from core.paths import ROOT
from export.plan.record import load_plan

NN = ROOT / "firmware" / "components" / "nn"
GUARD = 1024  # bytes behind the arena that the code must leave alone
GUARD_BYTE = 0xA5
OK = 0  # <PREFIX>_OK
WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wshadow",
    "-Wconversion",
    "-Werror",
)
TIMEOUT_S = 300  # for one compilation


def compiler() -> str:
    """The host's C compiler."""
    name = os.environ.get("CC") or "gcc"
    if shutil.which(name) is None:
        raise Esp8kError(
            f"there is no C compiler {name!r}", "apt install gcc, or set CC"
        )
    return name


def flags(target: str = "host") -> list[str]:
    """Compiler flags for `target`."""
    table = json.loads((NN / "flags.json").read_text())
    return [*table.get("all", []), *table.get(target, [])]


def defines(header: Path) -> dict[str, str]:
    """The #define lines of a generated header."""
    return dict(re.findall(r"^#define (\w+) +(.+?) *$", header.read_text(), re.M))


def number(text: str) -> int:
    """A C integer literal."""
    return int(text.strip("()").rstrip("uUlL"), 0)


class Library:
    """A loaded model; arrays in, arrays out."""

    def __init__(self, path: Path, header: Path, prefix: str) -> None:
        self._library = ctypes.CDLL(str(path))
        self.prefix = prefix
        self.defines = {
            key.removeprefix(f"{prefix.upper()}_"): value
            for key, value in defines(header).items()
        }

    def int8(self, images: np.ndarray) -> np.ndarray:
        """Logits of raw pixels (N, 28, 28) uint8 by the int8 engine."""
        return self._run("int8", images, np.int8)

    def f16(self, images: np.ndarray) -> np.ndarray:
        """Logits of raw pixels (N, 28, 28) uint8 by the float16 engine."""
        return self._run("f16", images, np.float32)

    def _run(self, engine: str, images: np.ndarray, dtype: type) -> np.ndarray:
        size = number(self.defines[f"{engine.upper()}_ARENA_BYTES"])
        outputs = number(self.defines["OUTPUT_SIZE"])
        alignment = number(self.defines["ARENA_ALIGNMENT"])
        function = getattr(self._library, f"{self.prefix}_{engine}_run")
        arena = np.full(size + GUARD + alignment, GUARD_BYTE, np.uint8)
        start = -arena.ctypes.data % alignment
        images = np.ascontiguousarray(images, np.uint8).reshape(len(images), -1)
        state = self._reset(engine)
        logits: np.ndarray = np.zeros((len(images), outputs), dtype)
        for image, row in zip(images, logits, strict=True):
            status = function(
                ctypes.c_void_p(arena.ctypes.data + start),
                *state,
                ctypes.c_void_p(image.ctypes.data),
                ctypes.c_void_p(row.ctypes.data),
            )
            if status != OK:
                raise CheckFailed(
                    f"the generated {engine} code gives status {status}",
                    "a bug of the generator: report it with this model",
                )
        if (arena[start + size : start + size + GUARD] != GUARD_BYTE).any():
            raise CheckFailed(
                f"the generated {engine} code writes behind its arena of {size} bytes",
                "a bug of export/graph/fusion.py: report it with this model",
            )
        return logits

    def _reset(self, engine: str) -> list[Any]:
        """A state as it is before the first call, where the network has one."""
        size = self.defines.get(f"{engine.upper()}_STATE_BYTES")
        if size is None:
            return []
        state = ctypes.create_string_buffer(number(size) + 16)
        at = ctypes.c_void_p(-(-ctypes.addressof(state) // 16) * 16)
        getattr(self._library, f"{self.prefix}_{engine}_reset")(at)
        self._state = state  # kept alive
        return [at]


def compile_c(
    sources: Sequence[Path], includes: Sequence[Path], target: Path, *extra: str
) -> None:
    """Compile and link C for the host; a warning is an error."""
    command = [
        compiler(),
        *flags(),
        *WARNINGS,
        *extra,
        *(f"-I{folder}" for folder in includes),
        *map(str, sources),
        "-o",
        str(target),
        "-lm",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    if done.returncode:
        first = next((x for x in done.stderr.splitlines() if "error" in x), "")
        raise CheckFailed(
            f"the generated C does not compile: {first.strip()}",
            "a bug of export/emit/generate.py: report it with this model",
        )


def build(component: Path, scratch: Path) -> Library:
    """Compile a component into a shared object below `scratch` and load it."""
    prefix = load_plan(component / "plan.json").prefix
    target = scratch / "model.so"
    sources = sorted((component / "src").glob("*.c"))
    compile_c(sources, [component / "src"], target, "-shared", "-fPIC")
    return Library(target, component / "src" / f"{prefix}_model.h", prefix)
