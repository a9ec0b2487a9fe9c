"""How many instructions a kernel of this core takes, from its text alone.

    count.instructions(function)    # of export.assembly.source.parse(assembly(engine))

The kernels' loops count down from constants, so each loop's body is gone through once
and taken as often as it turns. An aligned input is assumed, as the caller's is.
"""

from export.assembly.source import Function, Instruction, Label

MOVES = {"movi", "mov", "addi", "addmi"}  # what sets a counter


def instructions(function: Function) -> int:
    """Of one call."""
    return _Walk(function).total


class _Walk:
    """Through a function's lines, with what is known of its counters."""

    def __init__(self, function: Function) -> None:
        self.items = function.items
        self.places = {
            item.name: at
            for at, item in enumerate(self.items)
            if isinstance(item, Label)
        }
        self.known: dict[str, int] = {}
        self.stack: dict[str, int] = {}  # what is known of it, by the offset from a1
        self.total = 0
        self._last = ""
        self._go(0, len(self.items))

    def _go(self, at: int, end: int) -> None:
        passed: dict[str, int] = {}  # label: the count when it was passed
        while at < end:
            item = self.items[at]
            at += 1
            if isinstance(item, Label):
                passed[item.name] = self.total
                continue
            self.total += 1
            if item.mnemonic.startswith("ret"):
                return
            target = self.places.get(item.operands[-1]) if item.operands else None
            if target is None:
                self._set(item)
            elif item.mnemonic == "loop":
                before, turns = self.total, self._value(item.operands[0])
                self._go(at, target)
                self.total += (turns - 1) * (self.total - before)
                at = target
            elif target < at:
                self._back(item, passed)
            elif item.mnemonic == "j":
                at = target

    def _back(self, item: Instruction, passed: dict[str, int]) -> None:
        """A branch to a label above: as often as its counter says."""
        name = item.operands[0] if item.mnemonic != "j" else self._last
        turns = self._value(name)
        self.total += turns * (self.total - passed[item.operands[-1]])
        self.known[name] = 0

    def _set(self, item: Instruction) -> None:
        """A counter's new value; what is computed otherwise is none."""
        if not item.operands or not item.operands[0].startswith("a"):
            return
        name, *rest = item.operands
        if item.mnemonic in ("l32i", "s32i") and rest[0] == "a1":
            self._keep(item.mnemonic == "s32i", name, rest[1])
            return
        if item.mnemonic == "movi":
            self.known[name] = int(rest[0], 0)
        elif item.mnemonic in MOVES and rest[0] in self.known:
            step = int(rest[1], 0) if len(rest) > 1 else 0
            self.known[name] = self.known[rest[0]] + step
        else:
            self.known.pop(name, None)
        self._last = name  # what `beqz` before a long way back looks at

    def _keep(self, stored: bool, name: str, slot: str) -> None:
        """What is known of a register goes to the stack, or comes from there."""
        source, at = (self.known, name) if stored else (self.stack, slot)
        target, to = (self.stack, slot) if stored else (self.known, name)
        target.pop(to, None)
        if at in source:
            target[to] = source[at]

    def _value(self, name: str) -> int:
        return max(self.known.get(name, 0), 0)
