"""An engine's stages with their kernels and memory, ready to be written down."""

from dataclasses import dataclass

from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.kernel import Kernel
from export.kernels.sharing import Shared
from export.plan.arena import Memory
from export.plan.record import StagePlan


@dataclass(frozen=True, eq=False)
class Engine:
    """One of the engines of a network."""

    stages: tuple[Stage, ...]
    kernels: tuple[Kernel, ...]  # one a stage
    calls: tuple[str, ...]  # lines of the run function's body
    memory: Memory
    plans: tuple[StagePlan, ...]
    shared: Shared

    @property
    def arena(self) -> int:
        """Bytes."""
        return self.memory.size

    @property
    def arrays(self) -> list[Array]:
        """The constants that stand in a file of their own."""
        found = [array for kernel in self.kernels for array in kernel.arrays]
        return [array for array in found if array.name not in self.shared.names]

    @property
    def constant_bytes(self) -> int:
        """Of them, and of those that stand beside a kernel's code."""
        every = sum(kernel.constant_bytes for kernel in self.kernels)
        return every - sum(self.shared.bytes.values())

    @property
    def headers(self) -> list[str]:
        """Kernel headers beside the engine's own."""
        return sorted({name for kernel in self.kernels for name in kernel.headers})

    def shares(self, stage: Stage) -> bool:
        """Whether a stage's output overlaps one of its inputs."""
        return any((i, stage.output) in self.memory.shared for i in stage.inputs)
