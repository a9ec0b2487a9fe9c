"""Which stages of a network run row by row on this core.

    units, memory = partition.choose(parts, layouts, stages, output, profile)

A network whose arena is small, as the profile sees it, is left as it is. Of others, for
a few bounds on the memory at any time, the cheapest partition into runs is found, and
of these the one whose arena times its instructions is least.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from export.assembly import source
from export.cores.s3 import rows
from export.cores.s3.arena import Memory, allocate
from export.cores.s3.count import instructions
from export.cores.s3.kernel import Call, Kernel
from export.cores.s3.layout import Layout
from export.cores.s3.profile import Profile
from export.cores.s3.rows import Part, Run
from export.graph.stage import Stage
from export.plan.units import round_up

Unit = Call | Run
Blocks = tuple[tuple[int, int], ...]  # (first, last part) of runs and of parts alone
LONGEST = 12  # parts of a run
FEW = 64  # partitions that are all tried
BOUNDS = 8  # that are tried of more
CLOSE = 3  # partitions, the best ones, whose memory is looked at more closely
EFFORT = 20_000  # blocks placed while looking for a good order of one of these


def choose(
    parts: tuple[Part, ...],
    layouts: dict[int, Layout],
    stages: tuple[Stage, ...],
    output: int,
    profile: Profile,
) -> tuple[tuple[Unit, ...], Memory]:
    """The calls and runs of the network in their order, and where all lies."""
    plain = tuple(call for part in parts for call in part.whole)
    memory = allocate(output, layouts, plain)
    if memory.size <= profile.small:
        return plain, memory
    search = _Search(parts, layouts, stages, output, profile)
    tried: list[tuple[float, tuple[Unit, ...]]]
    tried = [(price(plain, memory, profile), plain)]
    for units in search.partitions():
        memory = allocate(output, layouts, units)
        tried.append((price(units, memory, profile), units))
    nearest = sorted(tried, key=lambda one: one[0])[:CLOSE]
    found = [(units, allocate(output, layouts, units, EFFORT)) for _, units in nearest]
    return min(found, key=lambda one: price(one[0], one[1], profile))


def every(blocks: Iterable[tuple[int, int]], parts: int) -> list[Blocks]:
    """All partitions of so many parts into blocks, each (first, last part)."""
    begun: list[list[tuple[int, int]]] = [[] for _ in range(parts)]
    for block in blocks:
        begun[block[0]].append(block)
    # From the last part backwards: of those from one part on, those of the rest.
    ways: list[list[Blocks]] = [[] for _ in range(parts)] + [[()]]
    for first in reversed(range(parts)):
        ways[first] = [(b, *rest) for b in begun[first] for rest in ways[b[1] + 1]]
    return ways[0]


def price(units: Sequence[Unit], memory: Memory, profile: Profile) -> float:
    """Of a partition: bytes, to the profile's power, times instructions."""
    work = 1
    for unit in units:
        if isinstance(unit, Run):
            work += unit.overhead + sum(_work(call) for call in unit.calls)
        else:
            work += _work(unit)
    return float(max(memory.size, profile.small)) ** profile.power * work


@dataclass(frozen=True, eq=False)
class _Search:
    """The runs that there could be, and what they would take."""

    parts: tuple[Part, ...]
    layouts: dict[int, Layout]
    stages: tuple[Stage, ...]
    output: int
    profile: Profile

    def partitions(self) -> Iterator[tuple[Unit, ...]]:
        """Of few all; of many the cheapest ones within a few bounds."""
        if self._count <= FEW:
            yield from map(self._units, every(self._blocks, len(self.parts)))
        else:
            yield from self._cheapest()

    @cached_property
    def _count(self) -> int:
        """Of all partitions."""
        ways = [1]
        for end in range(len(self.parts)):
            ways.append(sum(ways[a] for a, b in self._blocks if b == end))
        return ways[-1]

    def _cheapest(self) -> Iterator[tuple[Unit, ...]]:
        """The cheapest partitions within a few bounds."""
        peaks = sorted({peak for peak, _ in self._blocks.values()})
        least = self._least_peak()
        bounds = [peak for peak in peaks if peak >= max(least, self.profile.small / 2)]
        step = max(len(bounds) // BOUNDS, 1)
        seen: list[Blocks] = []
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
                if max(self._alone[i] for i in span) <= self.profile.small / 2:
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
            inner = sum(round_up(size, 16) for size in run.sizes.values())
            found[first, last] = self._peak(first, last, (run,), inner), run.overhead
        return found

    @cached_property
    def _alone(self) -> list[int]:
        return [self._peak(i, i, part.calls, 0) for i, part in enumerate(self.parts)]

    def _peak(self, first: int, last: int, units: tuple[Unit, ...], inner: int) -> int:
        """Bytes while some parts run, about; `inner`: of what is not kept whole."""
        sizes = {tensor: layout.size for tensor, layout in self.layouts.items()}
        target = sizes.get(self.parts[last].tensor, 0)  # none: the caller's
        ends = self._ends
        live = [
            part.tensor
            for part in self.parts[:first]
            if ends.get(part.tensor, -1) >= first
        ]
        saved = 0
        for tensor, lag in units[0].lags.items():
            if ends[tensor] <= last:
                saved = max(saved, min(target - lag, sizes[tensor]))
        scratch = max(unit.scratch for unit in units)
        return sum(sizes[tensor] for tensor in live) + target + inner + scratch - saved

    @cached_property
    def _ends(self) -> dict[int, int]:
        """The part that reads a value last."""
        found = {}
        for i, part in enumerate(self.parts):
            for call in part.calls:
                found.update(dict.fromkeys(call.inputs, i))
        found[self.output] = len(self.parts)
        return found

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

    def _within(self, bound: int) -> Blocks:
        """The cheapest blocks that never need more."""
        best: list[tuple[int, int, Blocks]] = [(0, 0, ())]
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

    def _units(self, blocks: Blocks) -> tuple[Unit, ...]:
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
