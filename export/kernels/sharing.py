"""Constants and functions that stand once, however many kernels have them.

    shared = of(kernels)
    text = shared.code(text)       # of one kernel, naming what is written
    names = functions(texts)       # of kernels whose functions are an earlier one's

A recurrent layer that is written out has its weights in every step. The first array of
a type and a content is written; where code names another like it, it names the first.
"""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from export.kernels.arrays import Array
from export.kernels.kernel import Kernel

WORD = re.compile(r"\w+")
# A constant beside a kernel's code: type, name, length, and what follows.
TABLE = re.compile(
    r"^static const (\w+) (\w+)\[(\d+)\] = (\{\n.*?^\};)\n", re.MULTILINE | re.DOTALL
)
BYTES = {"uint32_t": 4, "int8_t": 1, "uint8_t": 1}  # of their types


@dataclass(frozen=True)
class Shared:
    """What is not written, by name: the name that stands for it, and its bytes."""

    names: dict[str, str]
    bytes: dict[str, int]

    def code(self, text: str) -> str:
        """A kernel's C without what is written elsewhere."""
        kept = TABLE.sub(lambda m: "" if m[2] in self.names else m[0], text)
        return renamed(kept, self.names)

    def saved(self, kernel: Kernel) -> int:
        """Bytes of a kernel's constants that are written elsewhere."""
        names = [array.name for array in kernel.arrays]
        names += [table[2] for table in TABLE.finditer(kernel.static_text)]
        return sum(self.bytes.get(name, 0) for name in names)


def of(kernels: Iterable[Kernel]) -> Shared:
    """Of an engine's kernels, in their order."""
    arrays: list[Array] = []
    tables: list[re.Match[str]] = []
    for kernel in kernels:
        arrays += kernel.arrays
        tables += TABLE.finditer(kernel.static_text)
    names = same(arrays) | repeats((m[2], (m[1], m[4])) for m in tables)
    sizes = {array.name: array.size for array in arrays}
    sizes |= {m[2]: BYTES[m[1]] * int(m[3]) for m in tables}
    return Shared(names, {name: sizes[name] for name in names})


def same(arrays: Iterable[Array]) -> dict[str, str]:
    """Arrays like an earlier one, which is named; values are asked for where needed."""
    alike: dict[tuple[str, int], list[Array]] = {}
    for array in arrays:
        alike.setdefault((array.type, array.count), []).append(array)
    found: dict[str, str] = {}
    for several in alike.values():
        if len(several) > 1:
            found |= repeats((a.name, content(a.values())) for a in several)
    return found


def functions(texts: Mapping[str, str]) -> dict[str, str]:
    """Of C by its function's name: the names of those that say what an earlier does.

    What serves one function alone, helpers and macros, has its name and a word behind
    it. Lines are broken by the length of names, so all white space is alike.
    """

    def nameless(name: str, text: str) -> str:
        own = re.compile(rf"\b{name}(?=\b|_)", re.IGNORECASE)
        return " ".join(own.sub("", text).split())

    return repeats((name, nameless(name, text)) for name, text in texts.items())


def content(values: np.ndarray) -> Hashable:
    """Equal where values of any shape are: of numbers by bytes, not one by one.

    A million weights (64 arrays) take 0.03 s so, 0.14 s at least one by one.
    """
    flat = values.ravel()
    whole = np.issubdtype(flat.dtype, np.integer)
    return flat.astype(np.int64).tobytes() if whole else tuple(flat)


def repeats(named: Iterable[tuple[str, Hashable]]) -> dict[str, str]:
    """Names whose content an earlier name has, each with the first such name."""
    first: dict[Hashable, str] = {}
    found = {}
    for name, content in named:
        if first.setdefault(content, name) != name:
            found[name] = first[content]
    return found


def renamed(text: str, names: dict[str, str]) -> str:
    """A text in which every word that is a key is its value."""
    if not names:
        return text
    return WORD.sub(lambda m: names.get(m[0], m[0]), text)
