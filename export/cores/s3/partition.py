"""Which stages of a network run row by row on this core.

    units, memory = partition.choose(parts, layouts, stages, output)

A network whose arena is small is left as it is. Of others, for a few bounds on the
memory at any time, the cheapest partition into runs is found, and of these the one
whose arena times its instructions is least.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from export.assembly import source
from export.cores.s3 import rows
from export.cores.s3.arena import Memory, allocate, spare
from export.cores.s3.count import instructions
from export.cores.s3.kernel import Call, Kernel
from export.cores.s3.layout import Layout, up
from export.cores.s3.rows import Part, Run
from export.graph.stage import Stage

Unit = Call | Run
SMALL = 12_288  # bytes; a network whose arena is no larger is left as it is
LONGEST = 12  # parts of a run
BOUNDS = 8  # that are tried
EFFORT = 20_000  # blocks placed while looking for a good order in the end


def choose(
    parts: tuple[Part, ...],
    layouts: dict[int, Layout],
    stages: tuple[Stage, ...],
    output: int,
) -> tuple[tuple[Unit, ...], Memory]:
    """The calls and runs of the network in their order, and where all lies."""
    plain = tuple(call for part in parts for call in part.whole)
    memory = allocate(output, layouts, plain)
    if memory.size <= SMALL:
        return plain, memory
    search = _Search(parts, layouts, stages, output)
    best: tuple[Unit, ...] = plain
    least = search.price(plain)
    for units in search.partitions():
        price = search.price(units)
        if price < least:
            best, least = units, price
    return best, allocate(output, layouts, best, EFFORT)


@dataclass(frozen=True, eq=False)
class _Search:
    """The runs that there could be, and what they would take."""

    parts: tuple[Part, ...]
    layouts: dict[int, Layout]
    stages: tuple[Stage, ...]
    output: int

    def price(self, units: tuple[Unit, ...]) -> float:
        """Of a partition: bytes times instructions."""
        arena = allocate(self.output, self.layouts, units).size
        work = 0
        for unit in units:
            if isinstance(unit, Run):
                work += unit.overhead + sum(_work(call) for call in unit.calls)
            else:
                work += _work(unit)
        return float(max(arena, SMALL)) * max(work, 1)

    def partitions(self) -> Iterator[tuple[Unit, ...]]:
        """The cheapest ones within a few bounds."""
        peaks = sorted({peak for peak, _ in self._blocks.values()})
        least = self._least_peak()
        bounds = [peak for peak in peaks if peak >= max(least, SMALL / 2)]
        step = max(len(bounds) // BOUNDS, 1)
        seen: list[tuple[tuple[int, int], ...]] = []
        for bound in bounds[::step]:
            blocks = self._within(bound)
            if blocks not in seen:
                seen.append(blocks)
                yield self._units(blocks)

    @cached_property
    def _runs(self) -> dict[tuple[int, int], Run]:
        """By their first and last part."""
        found = {}
        able = [rows.joins(part) for part in self.parts]
        for first in range(len(self.parts)):
            for last in range(first + 1, min(first + LONGEST, len(self.parts))):
                if not (able[first] and able[last]):
                    break
                span = range(first, last + 1)
                if max(self._alone[i] for i in span) <= SMALL / 2:
                    continue
                run = rows.make(self.parts[first : last + 1], self.layouts, self.stages)
                if run is not None:
                    found[first, last] = run
        return found

    @cached_property
    def _blocks(self) -> dict[tuple[int, int], tuple[int, int]]:
        """(bytes at that time, instructions more) of parts alone and of runs."""
        found = {(i, i): (peak, 0) for i, peak in enumerate(self._alone)}
        for (first, last), run in self._runs.items():
            inner = sum(
                up(size, 16) + spare(self.layouts[tensor])
                for tensor, size in run.sizes.items()
            )
            found[first, last] = self._peak(first, last, (run,), inner), run.overhead
        return found

    @cached_property
    def _alone(self) -> list[int]:
        return [self._peak(i, i, part.calls, 0) for i, part in enumerate(self.parts)]

    def _peak(self, first: int, last: int, units: tuple[Unit, ...], inner: int) -> int:
        """Bytes while some parts run, about; `inner`: of what is not kept whole."""
        target = self._size(self.parts[last].tensor)
        ends = self._ends
        live = [
            part.tensor
            for part in self.parts[:first]
            if ends.get(part.tensor, -1) >= first
        ]
        saved = 0
        for tensor, lag in units[0].lags.items():
            if ends[tensor] <= last:
                size = self._size(tensor)
                saved = max(saved, min(target - lag, size))
        scratch = max(unit.scratch for unit in units)
        return sum(map(self._size, live)) + target + inner + scratch - saved

    @cached_property
    def _ends(self) -> dict[int, int]:
        """The part that reads a value last."""
        found = {}
        for i, part in enumerate(self.parts):
            for call in part.calls:
                found.update(dict.fromkeys(call.inputs, i))
        found[self.output] = len(self.parts)
        return found

    def _size(self, tensor: int) -> int:
        layout = self.layouts[tensor]
        return layout.size + spare(layout)

    def _least_peak(self) -> int:
        """The least that any partition needs at one time."""
        best = [0]
        for end in range(len(self.parts)):
            ways = [
                max(best[first], self._blocks[first, end][0])
                for first in range(end + 1)
                if (first, end) in self._blocks
            ]
            best.append(min(ways))
        return best[-1]

    def _within(self, bound: int) -> tuple[tuple[int, int], ...]:
        """The cheapest blocks that never need more."""
        best: list[tuple[int, int, tuple[tuple[int, int], ...]]] = [(0, 0, ())]
        for end in range(len(self.parts)):
            ways = []
            for first in range(end + 1):
                block = self._blocks.get((first, end))
                if block is None:
                    continue
                over, cost, blocks = best[first]
                over = max(over, block[0] - bound)
                ways.append((over, cost + block[1], (*blocks, (first, end))))
            best.append(min(ways))
        return best[-1][2]

    def _units(self, blocks: tuple[tuple[int, int], ...]) -> tuple[Unit, ...]:
        found: list[Unit] = []
        for first, last in blocks:
            if first == last:
                found += self.parts[first].whole
                continue
            found.append(self._runs[first, last])
            border = self.parts[last].border
            found += [border] if border else []
        return tuple(found)


def _work(call: Call) -> int:
    """Instructions of all its steps."""
    if not isinstance(call.kernel, Kernel):
        return 0
    (function,) = source.parse(call.kernel.text)
    return call.steps * instructions(function)
