"""Assembly of a few lines, translated into C and run here."""

import ctypes
import itertools
from pathlib import Path

import numpy as np

from export.assembly import translate
from export.assembly.pie import PIE
from export.emit.host_build import compile_c

MODELS = Path(translate.__file__).parent
COUNTER = "#include <stdint.h>\nuint64_t xt_instructions;\n"
NUMBERS = itertools.count()


def function(*lines: str, name: str = "f") -> str:
    """A whole function around a few lines."""
    head = [f".global {name}", f"{name}:", "entry a1,48"]
    return "\n".join([*head, *lines, "retw.n"]) + "\n"


def load(text: str, folder: Path) -> ctypes.CDLL:
    """The text as a library."""
    (folder / "kernels.c").write_text(translate.translate(text, PIE))
    (folder / "counter.c").write_text(COUNTER)
    target = folder / f"kernels{next(NUMBERS)}.so"
    sources = [folder / "kernels.c", folder / "counter.c"]
    compile_c(sources, [MODELS], target, "-shared", "-fPIC")
    return ctypes.CDLL(str(target))


def run(library: ctypes.CDLL, *arrays: np.ndarray) -> int:
    """Call f with arrays in a2 and on; gives the instructions that it took."""
    counter = ctypes.c_uint64.in_dll(library, "xt_instructions")
    counter.value = 0
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in arrays]
    library.f(*pointers, *[None] * (5 - len(pointers)))
    return counter.value
