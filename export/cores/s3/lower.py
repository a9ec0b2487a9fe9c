"""From a network to the kernels, calls and memory of the ESP32-S3.

    engine = lower(network, "v3")

For each value the layout that its readers want, for each stage a kernel in vector code
or, where there is none, the portable one between two copies; then the arena.
"""

from dataclasses import dataclass, replace

from export.cores.s3 import choose, elementwise, fallback, passes, weighted
from export.cores.s3.arena import Memory, allocate
from export.cores.s3.kernel import Call, Kernel, Portable
from export.cores.s3.layout import Layout
from export.graph.fusion import plan_stages
from export.graph.kinds import MAC_KINDS
from export.graph.network import Network
from export.graph.stage import Stage

ARENA_SLACK = 48  # bytes behind the last value that windows may read


@dataclass(frozen=True, eq=False)
class Engine:
    """The int8 engine of one network on this core."""

    prefix: str
    stages: tuple[Stage, ...]
    calls: tuple[Call, ...]
    layouts: dict[int, Layout]
    memory: Memory

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
        return self.memory.size + ARENA_SLACK

    @property
    def constant_bytes(self) -> int:
        """Of weights and constants."""
        own = sum(len(k.weights) + len(k.constants) for k in self.kernels)
        return own + sum(a.size for k in self.portables for a in k.kernel.arrays)


def applies(network: Network) -> bool:
    """Whether it can have this engine: one input, one output, no state, a stage."""
    plain = len(network.inputs) == len(network.ends) == 1
    return plain and len(plan_stages(network)) > 0


def lower(network: Network, prefix: str) -> Engine:
    """The engine of an int8 network of at least one stage."""
    stages = plan_stages(network)
    layouts = choose.layouts(network, stages)
    start, name = network.inputs[0], f"{prefix}_s3"
    calls = [Call(passes.image(f"{name}_image", layouts[start]), (), start, -1)]
    calls += _border(layouts, start, -1, name)
    for stage in stages:
        calls += _stage(stage, layouts, name)
        calls += _border(layouts, stage.output, stage.number, name)
    output = next(stage.output for stage in stages if stage.is_output)
    memory = allocate(output, layouts, tuple(calls))
    return Engine(prefix, stages, tuple(calls), layouts, memory)


def _border(
    layouts: dict[int, Layout], tensor: int, stage: int, name: str
) -> list[Call]:
    """What fills the border of a value, if it has one."""
    if not layouts[tensor].border:
        return []
    kernel = passes.border(f"{name}_border{tensor}", layouts[tensor])
    return [Call(kernel, (), tensor, stage, whole=True)]


def _stage(stage: Stage, layouts: dict[int, Layout], name: str) -> list[Call]:
    name = f"{name}_{stage.name}"
    maker = weighted if stage.head.kind in MAC_KINDS else elementwise
    found = maker.calls(stage, layouts, name)
    if found is None:
        found = fallback.calls(stage, layouts, name)
    return [replace(call, stage=stage.number) for call in found]
