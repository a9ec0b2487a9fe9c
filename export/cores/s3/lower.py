"""From a network to the kernels, calls and memory of the ESP32-S3.

    engine = lower(network, "v3", "balanced")

For each value the layout that its readers want, for each stage a kernel in vector code
or, where there is none, the portable one between two copies; then the arena.
"""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property, partial

from export.cores.s3 import (
    choose,
    elementwise,
    fallback,
    lstm,
    partition,
    passes,
    weighted,
)
from export.cores.s3.arena import Memory
from export.cores.s3.borrow import borrowing
from export.cores.s3.kernel import Call, Kernel, Portable
from export.cores.s3.layout import Layout
from export.cores.s3.profile import PROFILES, Profile
from export.cores.s3.rows import Part, Run, strip
from export.graph.fusion import plan_stages
from export.graph.kinds import MAC_KINDS
from export.graph.network import Network
from export.graph.stage import Stage
from export.kernels import sharing
from export.plan import cost


@dataclass(frozen=True, eq=False)
class Engine:
    """The int8 engine of one network on this core."""

    prefix: str
    stages: tuple[Stage, ...]
    units: tuple[Call | Run, ...]  # calls, and runs of some row by row
    layouts: dict[int, Layout]
    memory: Memory

    @property
    def calls(self) -> tuple[Call, ...]:
        """All of them."""
        found: list[Call] = []
        for unit in self.units:
            found += unit.calls if isinstance(unit, Run) else [unit]
        return tuple(found)

    @property
    def work(self) -> dict[str, float]:
        """How often each kind of work of the C around the kernels is done."""
        found = Counter[str]({"engine": 1})
        for unit in self.units:
            found.update(unit.work if isinstance(unit, Run) else {"call": 1})
        return dict(found)

    @property
    def overhead(self) -> int:
        """Instructions of that C, about."""
        return cost.estimate(self.work, "s3")

    @property
    def kernels(self) -> list[Kernel]:
        """Those in assembly."""
        return [c.kernel for c in self.calls if isinstance(c.kernel, Kernel)]

    @property
    def portables(self) -> list[Portable]:
        """Those that are not."""
        return [c.kernel for c in self.calls if isinstance(c.kernel, Portable)]

    @property
    def arena(self) -> int:
        """Bytes, at a multiple of 16."""
        return self.memory.size

    @property
    def constant_bytes(self) -> int:
        """Of weights and constants."""
        own = {name: len(content) for name, content in self.contents}
        own |= {a.name: a.size for k in self.portables for a in k.kernel.arrays}
        return sum(size for name, size in own.items() if name not in self.repeats)

    @property
    def contents(self) -> list[tuple[str, bytes]]:
        """Name and bytes of each array of the kernels in assembly."""
        each = [
            (f"{kernel.name}_{what}", content)
            for kernel in self.kernels
            for what, content in (
                ("weights", kernel.weights),
                ("constants", kernel.constants),
            )
        ]
        return [(name, content) for name, content in each if content]

    @cached_property
    def repeats(self) -> dict[str, str]:
        """Functions and constants like an earlier one, which stands for them."""
        functions = ((k.name, k.text.replace(k.name, "")) for k in self.kernels)
        arrays = sharing.same(a for k in self.portables for a in k.kernel.arrays)
        return arrays | sharing.repeats(functions) | sharing.repeats(self.contents)


def applies(network: Network) -> bool:
    """Whether it can have it: int8, one input, one output, no state, a stage."""
    plain = len(network.inputs) == len(network.ends) == 1
    return plain and network.engine == "int8" and len(plan_stages(network)) > 0


def lower(network: Network, prefix: str, profile: str) -> Engine:
    """The engine of an int8 network of at least one stage."""
    stages = plan_stages(network)
    layouts = choose.layouts(network, stages)
    start, name, asked = network.inputs[0], f"{prefix}_s3", PROFILES[profile]
    parts = [Part(None, (_image(layouts[start], start, name),), None)]
    parts += [
        Part(stage, tuple(_stage(stage, layouts, name, asked)), None)
        for stage in stages
    ]
    parts = [replace(part, border=_border(layouts, part, name)) for part in parts]
    output = next(stage.output for stage in stages if stage.is_output)
    found = []
    for ways, kept in borrowing(tuple(parts), layouts, stages, output):
        units, memory = partition.choose(ways, kept, stages, output, asked)
        found.append(Engine(prefix, stages, units, layouts, memory))
    return min(found, key=lambda one: partition.price(one.units, one.memory, asked))


def _image(layout: Layout, tensor: int, name: str) -> Call:
    """What brings the network's input into its layout."""
    name = f"{name}_image"
    kernel = passes.image(name, layout)
    row = partial(passes.image, name, strip(layout))
    return Call(kernel, (), tensor, -1, row=row)


def _border(layouts: dict[int, Layout], part: Part, name: str) -> Call | None:
    """What fills the border of a value, if it has one."""
    layout, tensor = layouts[part.tensor], part.tensor
    if not layout.border:
        return None
    kernel = passes.border(f"{name}_border{tensor}", layout)
    return Call(kernel, (), tensor, part.number, whole=True)


def _stage(
    stage: Stage, layouts: dict[int, Layout], name: str, profile: Profile
) -> list[Call]:
    name = f"{name}_{stage.name}"
    if stage.head.kind in MAC_KINDS:
        found = weighted.calls(stage, layouts, name, profile.sums)
    elif stage.head.kind in lstm.KINDS:
        found = lstm.calls(stage, layouts, name)
    else:
        found = elementwise.calls(stage, layouts, name)
    if found is None:
        found = fallback.calls(stage, layouts, name)
    return [replace(call, stage=stage.number) for call in found]
