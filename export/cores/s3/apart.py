"""Loads and sums a step away from what uses them, wherever anything fits between.

    lines = apart(lines)     # of one function

What uses a loaded register, or stores a sum, directly behind the instruction that
makes it waits a cycle. An instruction of the neighbourhood that depends on nothing in
its way goes between the two; none is added. Nothing passes a label or a branch, and
the first and the last instruction between two of them stay, so that what runs around
a loop's end is as it was. Loads do not pass stores.
"""

from export.assembly.effects import Effects, effects, movable
from export.assembly.pie import PIE
from export.assembly.source import instruction

FAR = 24  # instructions on either side among which one is looked for
Block = list[tuple[str, Effects]]  # lines with what they read and write


def apart(lines: list[str]) -> list[str]:
    """The same lines; those between labels and branches in another order."""
    found, block = list[str](), Block()
    for line in lines:
        one = instruction(line)
        if movable(PIE, one.mnemonic):
            block.append((line, effects(PIE, one)))
        else:
            found += [*_settled(block), line]
            block = []
    return found + _settled(block)


def _settled(block: Block) -> list[str]:
    at = 0
    while at + 1 < len(block):
        better = _filled(block, at) if _stalls(block[at : at + 2]) else None
        if better is None:
            at += 1
        else:
            block = better  # of fewer stalls, so this comes to an end
    return [line for line, _ in block]


def _filled(block: Block, at: int) -> Block | None:
    """The block with another instruction behind that at `at`, if that stalls less."""
    earlier = range(at - 1, max(at - FAR, 0), -1)
    later = range(at + 2, min(at + FAR, len(block) - 1))
    for place in (*earlier, *later):
        low, high = min(place, at + 1), max(place, at)
        others = [other for _, other in block[low : high + 1]]
        item = others.pop(0 if place < at else -1)
        if any(item.bound(other) for other in others):
            continue
        better = block[:]
        moved = better.pop(place)
        better.insert(at + (place > at), moved)
        around = slice(low - 1, high + 2)
        if _stalls(better[around]) < _stalls(block[around]):
            return better
    return None


def _stalls(block: Block) -> int:
    pairs = zip(block, block[1:], strict=False)
    return sum(one.stalls(other) for (_, one), (_, other) in pairs)
