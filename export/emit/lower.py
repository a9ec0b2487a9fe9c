"""The engines of a network: how each stage is made, where its memory lies.

    engine = int8(network, "speed", "esp8k")    # int16(...), f16(...) likewise

From the stages to what `c_source` writes down: the cheapest kernel that the profile
allows for every stage, the arena, the calls, the constants.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from export.arithmetic import float16 as arithmetic
from export.arithmetic import float16_scales
from export.arithmetic.channelwise import with_tables
from export.emit import row_engine
from export.emit.calls import Calls
from export.emit.engine import Engine
from export.emit.row_calls import RowCalls
from export.emit.row_engine import RowEngine
from export.graph.fusion import plan_stages
from export.graph.network import Network
from export.graph.stage import Stage
from export.kernels import registry, sharing
from export.kernels.float16.stored import FLOAT_BYTES, Job
from export.kernels.int8 import row_wise
from export.kernels.kernel import Kernel, Options
from export.kernels.registry import Core
from export.plan import row_buffers
from export.plan.arena import Lags, allocate, least_size
from export.plan.record import StagePlan

# Bytes of tables that may be taken for a value which a pass would go through.
WORTH = {"size": 0, "balanced": 4, "speed": 16}

Price = Callable[[Kernel], float]


def cheapest(kernel: Kernel) -> float:
    """What is taken where nothing else is said."""
    return kernel.cost(registry.PORTABLE.price)


def int8(
    network: Network,
    profile: str,
    prefix: str,
    price: Price = cheapest,
    core: Core = registry.PORTABLE,
) -> Engine:
    """The int8 engine of a network; of the ways to make a stage the least in price."""
    options = Options(
        profile,
        prefix,
        wide_tables=profile == "speed",
        wide_weights=profile != "size",
        winograd=profile == "speed",
    )
    network = with_tables(network, WORTH[profile])
    stages = plan_stages(network, strips=True)
    shown = None
    if core is not registry.PORTABLE:
        numbers = {stage.output: stage.number for stage in stages}
        stages = plan_stages(network, strips=True, tables=False)
        shown = numbers if len(numbers) < len(stages) else None
    ways = tuple(registry.int8(stage, options, core) for stage in stages)
    kernels = tuple(_least(found, price) for found in ways)
    fed = row_wise.fed(kernels, options, core.feeds)
    if fed is None or fed.feed is None or shown is not None:
        whole = _engine(stages, kernels, core=core, shown=shown)
        return _rows(whole, ways, options, core) or whole
    kernels = (fed.feed.kernel, fed, *kernels[2:])
    return _engine(stages, kernels, 2, {stages[0].output: fed.feed.size}, core=core)


def _rows(
    whole: Engine, ways: tuple[list[Kernel], ...], options: Options, core: Core
) -> Engine | None:
    """The engine whose first stages run row by row, where that saves enough."""
    if whole.arena <= row_engine.SMALL or core is not registry.PORTABLE:
        return None
    most = _cost(whole.kernels, core) * (1 + row_engine.MOST_SLOWER)
    small = tuple(min(found, key=lambda kernel: kernel.scratch) for found in ways)
    best, taken, least = None, whole.kernels, float(whole.arena)
    # From the last, which often is the best, so that most others end early. Among
    # equals the first is taken.
    for found in reversed(list(row_engine.chains(whole.stages, options, core))):
        kernels = (*found.kernels, *whole.kernels[found.count :])
        below = least if best is None else least + 1
        hopeless = _arena(found, (*found.kernels, *small[found.count :]), below)
        if _cost(kernels, core) > most or hopeless == math.inf:
            continue
        kernels, arena = _smaller(found, kernels, ways, most, core)
        if arena < below:
            best, taken, least = found, kernels, arena
    if best is None:
        return None
    if least >= whole.arena * (1 - row_engine.LEAST_SAVED):
        return None
    return _engine(best.stages, taken, best.count, best.sizes, found=best)


def _smaller(
    found: RowEngine,
    kernels: tuple[Kernel, ...],
    ways: tuple[list[Kernel], ...],
    most: float,
    core: Core,
) -> tuple[tuple[Kernel, ...], float]:
    """With other kernels behind the chain, where these make the arena smaller."""
    least = _arena(found, kernels, math.inf)
    for stage in found.stages[found.count :]:
        for other in ways[stage.number]:
            if other.scratch >= kernels[stage.number].scratch:
                continue
            tried = _replaced(kernels, stage.number, other)
            if _cost(tried, core) > most:
                continue
            arena = _arena(found, tried, least)
            if arena < least:
                kernels, least = tried, arena
    return kernels, least


def _arena(found: RowEngine, kernels: tuple[Kernel, ...], below: float) -> float:
    """Bytes of a chain's engine where they are `below`; else infinite."""
    stages = found.stages
    scratch = {s.number: k.scratch for s, k in zip(stages, kernels, strict=True)}
    sizes, wanted = _wanted(stages, kernels, scratch, found.count, found.sizes, found)
    lags = _lags(stages[found.count :], kernels[found.count :]) | found.lags
    return least_size(stages, sizes, wanted, found.count, lags, 4, below)


def _replaced(
    kernels: tuple[Kernel, ...], number: int, other: Kernel
) -> tuple[Kernel, ...]:
    return (*kernels[:number], other, *kernels[number + 1 :])


def _cost(kernels: tuple[Kernel, ...], core: Core) -> int:
    return sum(kernel.cost(core.price) for kernel in kernels)


def _least(kernels: list[Kernel], price: Price) -> Kernel:
    return min(kernels, key=price) if len(kernels) > 1 else kernels[0]


def int16(network: Network, profile: str, prefix: str) -> Engine:
    """The int16 engine of a network: one way for each stage, in every profile."""
    options = Options(profile, prefix)
    stages = plan_stages(network, unary=False)
    kernels = tuple(registry.int16(stage, options) for stage in stages)
    return _engine(stages, kernels)


def f16(
    network: Network, profile: str, prefix: str, core: Core = registry.PORTABLE
) -> Engine:
    """The float16 engine of a network."""
    options = Options(profile, prefix)
    stages = plan_stages(network)
    small = _row_by_row(stages, options, row_buffers.plan(stages, False), core)
    if profile == "size":
        return small
    wide = _row_by_row(stages, options, row_buffers.plan(stages, True), core)
    limit = max(row_buffers.ARENA, small.arena * row_buffers.MORE)
    if small.arena <= row_buffers.ARENA:
        limit = row_buffers.ARENA
    return wide if wide.arena <= limit else small


def _row_by_row(
    stages: tuple[Stage, ...],
    options: Options,
    buffers: row_buffers.RowBuffers,
    core: Core,
) -> Engine:
    rounding, scaled = arithmetic.roundings(stages), float16_scales.plan(stages)
    kernels = tuple(
        registry.float16(
            stage,
            options,
            Job(
                rows=buffers.rows[stage.number] if stage.number < len(buffers) else 0,
                rounding=rounding[stage.number],
                scales=scaled,
                ring=buffers.is_ring(stage.number),
            ),
            core,
        )
        for stage in stages
    )
    kept = {
        stage.output: FLOAT_BYTES * link.room * link.width
        for stage, link in zip(stages, buffers.links, strict=False)
    }
    return _engine(stages, kernels, len(buffers), kept, buffers)


def _engine(
    stages: tuple[Stage, ...],
    kernels: tuple[Kernel, ...],
    chained: int = 0,
    kept: dict[int, int] | None = None,
    buffers: row_buffers.RowBuffers = row_buffers.NONE,
    core: Core = registry.PORTABLE,
    found: RowEngine | None = None,
    shown: dict[int, int] | None = None,
) -> Engine:
    """Memory, calls and plans; `kept`: bytes of what the chained stages give."""
    engine = kernels[0].engine if kernels else "int8"
    scratch = {s.number: k.scratch for s, k in zip(stages, kernels, strict=True)}
    homes = row_buffers.homes(buffers, stages, scratch)
    lent = row_buffers.lent(buffers, stages, scratch)
    rest = {n: s for n, s in scratch.items() if n not in homes and n not in lent}
    sizes, wanted = _wanted(stages, kernels, rest, chained, kept or {}, found)
    lags = _lags(stages[chained:], kernels[chained:])
    lags |= {} if found is None else found.lags
    memory = allocate(stages, sizes, wanted, chained, lags, core.alignment)
    places = {
        number: memory.offsets[tensor] + at for number, (tensor, at) in homes.items()
    }
    if found is not None and found.shared is not None:
        at = memory.offsets[stages[chained - 1].output] + found.shared
        places = dict.fromkeys(range(chained), at)
    memory = replace(memory, scratch=memory.scratch | places)
    calls = Calls(stages, memory, scratch, engine, lent, shown)
    lines = []
    if found is not None:
        lines = RowCalls(calls, found.chain, found.kernels).lines()
    elif chained:
        lines = calls.rows(buffers) if buffers else calls.pair(*stages[:2])
    for stage in stages[chained:]:
        lines += calls.whole(stage)
    shared = sharing.of(kernels)
    plans = tuple(
        _plan(s, k, shared.saved(k)) for s, k in zip(stages, kernels, strict=True)
    )
    return Engine(stages, kernels, tuple(lines), memory, plans, shared)


def _wanted(
    stages: tuple[Stage, ...],
    kernels: tuple[Kernel, ...],
    scratch: dict[int, int],
    chained: int,
    kept: dict[int, int],
    found: RowEngine | None,
) -> tuple[dict[int, int], dict[int, int]]:
    """Bytes of every value and of every stage's working memory."""
    sizes = {s.output: k.out_bytes for s, k in zip(stages, kernels, strict=True)}
    if found is not None:
        room = 0 if found.shared is not None else found.scratch
        scratch = scratch | dict.fromkeys(range(chained), room)
    return sizes | kept, scratch


def _lags(stages: tuple[Stage, ...], kernels: tuple[Kernel, ...]) -> Lags:
    """Which outputs may lie over which inputs."""
    return {
        (source, stage.output): lag
        for stage, kernel in zip(stages, kernels, strict=True)
        for source, lag in zip(stage.inputs, kernel.lags(), strict=True)
        if lag is not None
    }


def _plan(stage: Stage, kernel: Kernel, saved: int) -> StagePlan:
    representation = {"f16": "float32", "int16": "int16"}.get(kernel.engine)
    if representation is None:
        representation = "int8" if stage.is_output else "u8=q+128"
    return StagePlan(
        name=stage.name,
        engine=kernel.engine,
        number=stage.number,
        tensor=stage.output,
        shape=stage.region,
        representation=representation,
        macs=stage.macs,
        effective_macs=stage.effective_macs,
        weight_bytes=kernel.constant_bytes - saved,
        method=kernel.method,
        power=kernel.power,
    )
