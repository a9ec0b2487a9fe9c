"""The two engines of a network: how each stage is made, where its memory lies.

    engine = int8(network, "speed", "esp8k")    # f16(...) likewise

From the planner's stages to what `c_source` writes down: the cheapest way that
the profile allows for every stage, the arena, the calls, the constants.
"""

from dataclasses import replace
from typing import Any

from export.emit import c_source
from export.emit.calls import Calls
from export.graph.fusion import MAC_KINDS, Stage, aliases, hwc, plan_stages
from export.graph.network import Network
from export.kernels import band, conv, float16, scale_f16, simple, winograd, winograd4
from export.kernels import stream as emit_stream
from export.kernels.int8 import Emitted, Options
from export.plan import cost, overlap, row_buffers
from export.plan.arena import allocate
from export.plan.record import StagePlan
from export.reference import float16 as reference_f16


def int8(network: Network, profile: str, prefix: str) -> c_source.Engine:
    """The int8 engine of a network."""
    options = Options(
        profile,
        prefix,
        wide_tables=profile == "speed",
        wide_weights=profile != "size",
        winograd=profile == "speed",
    )
    network = named_end(network)
    stages = plan_stages(network, bands=True)
    emitted = [
        _emit_int8(network, stage, options, last)
        for stage, last in _ends(network, stages)
    ]
    pitch = _pitch(network, stages[0]) if stages else 0
    windows = emit_stream.attach(network, stages, emitted, options, pitch)
    return _engine(network, stages, emitted, "int8", 2 * len(windows), windows)


def _emit_int8(network: Network, stage: Stage, options: Options, last: bool) -> Emitted:
    """The cheapest way that the profile allows for one stage."""
    pitches = [_pitch(network, stage, at) for at in range(len(stage.inputs))]
    if stage.head.kind not in MAC_KINDS:
        return simple.emit(network, stage, options, pitches, last)
    make = band.ways if band.applies(stage) else _ways
    return min(make(network, stage, options, pitches[0], last), key=_cost)


def _ways(
    network: Network, stage: Stage, options: Options, pitch: int, last: bool
) -> list[Emitted]:
    """What a profile has to choose from."""
    found = [conv.emit(network, stage, options, pitch, last)]
    if options.winograd:
        for tiles in (winograd, winograd4):
            found.append(tiles.emit(network, stage, options, pitch, last))
    return [made for made in found if made is not None]


def _cost(made: Emitted) -> int:
    """What a profile for speed goes by."""
    return cost.estimate(made.context, "xtensa")


def f16(network: Network, profile: str, prefix: str) -> c_source.Engine:
    """The float16 engine of a network."""
    options = Options(
        profile, prefix, wide_tables=False, wide_weights=False, winograd=False
    )
    network = named_end(network)
    small = _f16_stream(network, options, False)
    if profile == "size":
        return small
    wide = _f16_stream(network, options, True)
    limit = max(row_buffers.ARENA, small.arena * row_buffers.MORE)
    if small.arena <= row_buffers.ARENA:
        limit = row_buffers.ARENA
    return wide if wide.arena <= limit else small


def _f16_stream(network: Network, options: Options, wide: bool) -> c_source.Engine:
    stages = plan_stages(network)
    stream = row_buffers.plan(network, stages, wide)
    rounding = reference_f16.roundings(network, stages)
    scales = scale_f16.plan(network, stages)
    emitted = [
        float16.emit(
            network,
            stage,
            options,
            _pitch(network, stage),
            rows=stream.rows[stage.number] if stage.number < len(stream) else 0,
            rounding=rounding[stage.number],
            scales=scales,
            ring=stream.is_ring(stage.number),
        )
        for stage in stages
    ]
    windows = {
        stage.output: link.room * link.width
        for stage, link in zip(stages, stream.links, strict=False)
    }
    return _engine(network, stages, emitted, "f16", len(stream), windows, stream)


def _ends(network: Network, stages: tuple[Stage, ...]) -> list[tuple[Stage, bool]]:
    """Each stage, and whether it writes the network's output."""
    return [(stage, stage.output in network.outputs) for stage in stages]


def _pitch(network: Network, stage: Stage, at: int = 0) -> int:
    """Elements from one stored row of one of the stage's inputs to the next."""
    _, width, channels = stage.in_live[at]
    if stage.inputs[at] == network.inputs[0]:  # stored whole, whatever is read
        width = hwc(network.tensors[stage.reads[at]].shape)[1]
    return width * channels


def named_end(network: Network) -> Network:
    """Let the output be the value itself, not a RESHAPE of it."""
    alias = aliases(network)
    return replace(network, outputs=tuple(alias.get(i, i) for i in network.outputs))


def _engine(
    network: Network,
    stages: tuple[Stage, ...],
    emitted: list[Emitted],
    engine: str,
    streamed: int,
    windows: dict[int, int],
    stream: row_buffers.Stream = row_buffers.NONE,
) -> c_source.Engine:
    """Memory, calls and plans; `windows`: elements kept of what is streamed."""
    scratch = {
        stage.number: made.context.get("scratch", 0)
        for stage, made in zip(stages, emitted, strict=True)
    }
    item = 1 if engine == "int8" else 4
    lags = {}
    for stage, made in zip(stages, emitted, strict=True):
        if engine == "int8":
            found = overlap.lags(stage, made.context)
            for source, lag in zip(stage.inputs, found, strict=True):
                if lag is not None:
                    lags[source, stage.output] = lag
    homes = row_buffers.homes(stream, stages, scratch)
    lent = row_buffers.lent(stream, stages, scratch)
    housed = homes.keys() | lent.keys()
    wanted = {n: 0 if n in housed else size for n, size in scratch.items()}
    memory = allocate(network, stages, item, wanted, streamed, windows, lags)
    for number, (tensor, at) in homes.items():
        memory.scratch[number] = memory.offsets[tensor] + at
    contexts, arrays, plans = [], [], []
    for (stage, last), made in zip(_ends(network, stages), emitted, strict=True):
        made.context["comment"] = c_source.describe(network, stage, made)
        shares = any((i, stage.output) in memory.shared for i in stage.inputs)
        made.context["restrict"] = "" if shares else "restrict "
        contexts.append(made.context)
        arrays += made.arrays
        plans.append(_stage_plan(stage, engine, made, last))
    calls = Calls(network, stages, memory, scratch, engine, lent)
    lines = []
    if streamed:
        lines = calls.rows(stream) if stream else calls.pair(*stages[:2])
    for stage in stages[streamed:]:
        lines += calls.whole(stage)
    return c_source.Engine(contexts, lines, arrays, memory.size, tuple(plans))


def _stage_plan(stage: Stage, engine: str, made: Any, last: bool) -> StagePlan:
    representation = "float32"
    if engine == "int8":
        representation = "int8" if last else "u8=q+128"
    return StagePlan(
        name=stage.name,
        engine=engine,
        number=stage.number,
        tensor=stage.output,
        shape=stage.out_live,
        representation=representation,
        macs=stage.macs,
        live_macs=stage.live_macs,
        weight_bytes=sum(a.size for a in made.arrays),
        method=made.context.get("method", "direct"),
        power=made.context.get("power", 0),
    )
