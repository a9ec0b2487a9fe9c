"""The C half of `network.py`: how it is compiled and loaded, and what it is handed.

It is compiled on first use, for this very processor, and kept in `build/fused/`.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from core import family
from core.files import replacing
from core.paths import build_root
from core.saying import say

SOURCE = Path(__file__).with_name("fused.c")
PARTS = Path(__file__).parent  # the headers that it includes
FLAGS = ("-std=gnu11", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math")
ROWS, WIDEST = 32, 256  # limits of fused/layer.h: rows of a kernel, channels

SIZES = (
    *("in_channels", "in_rows", "in_columns"),
    *("channels", "kernel_rows", "kernel_columns", "stride", "padding"),
    *("rows", "columns", "pool", "pool_stride", "pool_padding"),
    *("out_rows", "out_columns"),
)
PARAMETERS = ("weight", "bias", "gamma", "beta")
WORK = ("input", "sums", "d_output", "picked", "d_sums", "packed")
CHANNELS = ("mean", "inverse", "scale", "shift")


class Layer(ctypes.Structure):
    """`layer_t` of fused/layer.h."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in SIZES),
        *((name, ctypes.c_float) for name in ("slope", "momentum", "epsilon")),
        *((name, ctypes.c_void_p) for name in PARAMETERS),
        *((name, ctypes.c_void_p) for name in ("running_mean", "running_variance")),
        *((f"d_{name}", ctypes.c_void_p) for name in PARAMETERS),
        *((name, ctypes.c_void_p) for name in (*WORK, *CHANNELS)),
    ]


@cache
def load() -> ctypes.CDLL | None:
    """fused.c, compiled for this processor; None where there is no C compiler."""
    target = compiled()
    if target is None:
        return None
    library = ctypes.CDLL(str(target))
    if library.fused_layer_bytes() != ctypes.sizeof(Layer):
        raise RuntimeError("library.py and layer.h disagree about layer_t")
    return library


def compiled() -> Path | None:
    """The shared library, made unless it is there already."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    kept = build_root() / "fused"
    sources = [SOURCE, *sorted(PARTS.glob("*.h"))]
    texts = [source.read_text() for source in sources]
    key = "\n".join([*texts, *FLAGS, compiler, *_processor()])
    target = kept / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
    if not target.exists():
        command = [compiler, *FLAGS, "-shared", "-fPIC", str(SOURCE), "-lm"]
        try:
            with replacing(target) as partial:
                done = family.heard([*command, "-o", str(partial)])
                done.check_returncode()
        except OSError:
            return None
        except subprocess.CalledProcessError as failed:
            say("note: training/fused/fused.c did not compile here:")
            say(failed.stderr)
            return None
    return target


def _processor() -> Iterator[str]:
    """What decides which instructions -march=native means."""
    yield platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    yield from sorted({line for line in lines if line.startswith(("model", "flags"))})
