"""From a network to the kernels, calls and memory of the ESP32-S3.

    engine = lower(network, "esp8k")

For each value the layout that its readers want, for each stage a kernel in vector code
or, where there is none, a portable one in the same layout; then the arena.
"""

from dataclasses import dataclass, field, replace

from export.cores.s3 import choose, elementwise, fallback, passes, weighted
from export.cores.s3.arena import Memory, allocate
from export.cores.s3.kernel import Call, Kernel
from export.cores.s3.layout import Layout
from export.graph.fusion import MAC_KINDS, Stage, hwc, plan_stages
from export.graph.network import Network

ARENA_SLACK = 48  # bytes behind the last value that windows may read


@dataclass(frozen=True, eq=False)
class Engine:
    """The int8 engine of one network on this core."""

    prefix: str
    stages: tuple[Stage, ...]
    kernels: tuple[Kernel, ...]
    calls: tuple[Call, ...]
    layouts: dict[int, Layout]
    memory: Memory

    @property
    def arena(self) -> int:
        """Bytes, at a multiple of 16."""
        return self.memory.size + ARENA_SLACK

    @property
    def constant_bytes(self) -> int:
        """Of weights and constants."""
        return sum(len(k.weights) + len(k.constants) for k in self.kernels)


@dataclass
class _Lowering:
    """What is known so far."""

    network: Network
    prefix: str
    stages: tuple[Stage, ...]
    layouts: dict[int, Layout]
    calls: list[Call] = field(default_factory=list)

    def add(self, *calls: Call) -> None:
        self.calls += calls


def lower(network: Network, prefix: str) -> Engine:
    """The engine of an int8 network whose outputs are values, not new shapes."""
    stages = plan_stages(network)
    layouts = choose.layouts(network, stages)
    work = _Lowering(network, f"{prefix}_s3", stages, layouts)
    source = network.inputs[0]
    image = passes.image(f"{work.prefix}_image", layouts[source])
    work.add(Call(image, (), source, -1))
    _border(work, source, -1)
    for stage in stages:
        for call in _stage(work, stage):
            work.add(replace(call, stage=stage.number))
        _border(work, stage.output, stage.number)
    memory = allocate(network, stages, layouts, tuple(work.calls))
    kernels = {c.kernel.name: c.kernel for c in work.calls}
    return Engine(
        prefix, stages, tuple(kernels.values()), tuple(work.calls), layouts, memory
    )


def _border(work: _Lowering, tensor: int, stage: int) -> None:
    layout = work.layouts[tensor]
    if layout.border:
        name = f"{work.prefix}_border{tensor}"
        kernel = passes.border(name, layout)
        work.add(Call(kernel, (), tensor, stage, whole=True))


def _stage(work: _Lowering, stage: Stage) -> list[Call]:
    """The calls of a stage."""
    name = f"{work.prefix}_{stage.name}"
    maker = weighted if stage.head.kind in MAC_KINDS else elementwise
    found = maker.calls(work.network, stage, work.layouts, name)
    if found is None:
        found = fallback.calls(work.network, stage, work.layouts, name)
    return found


def input_shape(network: Network) -> tuple[int, int, int]:
    """(H, W, C) of the image."""
    return hwc(network.tensors[network.inputs[0]].shape)
