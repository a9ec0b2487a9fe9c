"""Where the text of the ESP32-S3's kernels waits for a load or a sum."""

from collections import Counter

from export.assembly.effects import effects, movable
from export.assembly.pie import PIE
from export.assembly.source import Instruction, Label, parse

Pair = tuple[str, str]  # mnemonics: what is waited for, what waits


def stalls(text: str) -> Counter[Pair]:
    """Of each pair how often it stands one behind the other."""
    found: Counter[Pair] = Counter()
    for function in parse(text):
        last: Instruction | None = None
        for item in function.items:
            if isinstance(item, Label):
                continue
            if not movable(PIE, item.mnemonic):
                last = None
                continue
            if last is not None and effects(PIE, last).stalls(effects(PIE, item)):
                found[last.mnemonic, item.mnemonic] += 1
            last = item
    return found
