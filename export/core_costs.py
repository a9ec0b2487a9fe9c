"""What one inference costs on each core, before anything is compiled.

    for cost in Engines(network).all_of("balanced"):
        print(cost.core, cost.instructions, cost.evidence)

What the generator writes as assembly it counts; C is estimated by `export.plan.cost`.
"""

from dataclasses import dataclass

from core.text import percent
from export.assembly import source
from export.cores.s3.component import assembly
from export.cores.s3.count import instructions as on_s3
from export.cores.s3.kernel import Call
from export.cores.s3.kernel import Kernel as Vector
from export.cores.s3.lower import applies
from export.cores.s3.lower import lower as lower_s3
from export.emit import held, lower
from export.emit.engine import Engine
from export.graph.network import Network
from export.kernels import registry
from export.kernels.int8.wrapped import Wrapped
from export.kernels.kernel import Kernel
from export.kernels.lx6.kernel import Lx6
from export.kernels.registry import Core

COUNTED, ESTIMATED = "counted", "estimated"
PLAIN = 12  # instructions an element of an operator without products, roughly


@dataclass(frozen=True)
class CoreCost:
    """One inference on one core, in one profile."""

    core: str  # lx106 | rv32imc | lx6 | s3
    profile: str
    instructions: int
    counted: float  # share of them that the generator counted
    flash_bytes: int
    ram_bytes: int  # arena and state

    @property
    def evidence(self) -> str:
        """In a word or two."""
        if self.counted in (0.0, 1.0):
            return COUNTED if self.counted else ESTIMATED
        return f"{percent(self.counted, 0)} {COUNTED}"


class Engines:
    """The engines of one network, each made once."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._made: dict[tuple[str, str], Engine] = {}
        self._vector: dict[str, CoreCost] = {}

    def integer(self, profile: str, core: Core = registry.PORTABLE) -> Engine:
        """The portable one, or the LX6's; of int16 values there is the former alone."""
        at = profile, core.name
        if at not in self._made:
            self._made[at] = self._lowered(profile, core)
        return self._made[at]

    def _lowered(self, profile: str, core: Core) -> Engine:
        if self.network.engine == "int16":
            return lower.int16(self.network, profile, "net")
        return lower.int8(self.network, profile, "net", core=core)

    def all_of(self, profile: str) -> tuple[CoreCost, ...]:
        """One inference on every core that there are kernels or counts for."""
        names = ("lx106", "rv32imc", "lx6", "s3")
        return tuple(self.on(name, profile) for name in names)

    def vector(self, profile: str) -> CoreCost | None:
        """The S3's own; some networks have none."""
        if not applies(self.network):
            return None
        if profile not in self._vector:
            self._vector[profile] = _vector(self.network, profile)
        return self._vector[profile]

    def on(self, name: str, profile: str) -> CoreCost:
        """On one core; an S3 without its own engine is as an LX6."""
        vector = self.vector(profile) if name == "s3" else None
        if vector is not None:
            return vector
        if name in ("lx6", "s3"):
            engine = self.integer(profile, registry.LX6)
            return _cost(self.network, engine, profile, name, "xtensa")
        family = "riscv" if name == "rv32imc" else "xtensa"
        return _cost(self.network, self.integer(profile), profile, name, family)


def _cost(
    network: Network, engine: Engine, profile: str, core: str, family: str
) -> CoreCost:
    costs = by_layer(engine, family)
    total = max(sum(costs.values()), 1)
    own = sum(
        costs[stage.name]
        for stage, kernel in zip(engine.stages, engine.kernels, strict=True)
        if _counted(kernel)
    )
    return CoreCost(
        core,
        profile,
        total,
        own / total,
        engine.constant_bytes,
        engine.arena + held.state_offsets(network)[-1],
    )


def _counted(kernel: Kernel) -> bool:
    """Whether the generator writes its instructions, or those of what it wraps."""
    return isinstance(kernel.inner if isinstance(kernel, Wrapped) else kernel, Lx6)


def _vector(network: Network, profile: str) -> CoreCost:
    engine = lower_s3(network, "net", profile)
    text = assembly(engine)
    counts = {f.name: on_s3(f) for f in source.parse(text)}
    written = engine.repeats  # the one function that stands for equal ones
    own = sum(
        call.steps * counts[written.get(call.kernel.name, call.kernel.name)]
        for call in engine.calls
        if _own(call)
    )
    other = engine.overhead + sum(
        max(k.kernel.cost("xtensa"), 0) or PLAIN * k.kernel.stage.size
        for k in engine.portables
    )
    return CoreCost(
        "s3",
        profile,
        own + other,
        own / (own + other),
        engine.constant_bytes,
        engine.arena,
    )


def _own(call: Call) -> bool:
    return isinstance(call.kernel, Vector)


def by_layer(engine: Engine, family: str) -> dict[str, int]:
    """Instructions by layer, on xtensa or riscv."""
    return {
        stage.name: max(kernel.cost(family), 0) or PLAIN * stage.size
        for stage, kernel in zip(engine.stages, engine.kernels, strict=True)
    }
