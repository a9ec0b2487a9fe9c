"""The C of a network: weights and one function a layer, ready to be compiled.

    plan = generate(network_int8, network_f16, out_dir, "speed", "esp8k", identity)

writes a self-contained component below `out_dir`: include/<prefix>_model.h, src/*.c,
CMakeLists.txt, library.json, and beside it plan.json and flags.json. The same inputs
give the same bytes. `make export` calls it; Jinja lays out, Python computes.
"""

import json
import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from export import (
    cost,
    emit_band,
    emit_conv,
    emit_f16,
    emit_simple,
    emit_stream,
    emit_winograd,
    emit_winograd4,
    layout,
    overlap,
    reference,
    reference_f16,
    stream_f16,
)
from export.emit_calls import Calls
from export.emit_int8 import Emitted, Options
from export.identity import Identity
from export.memory import allocate
from export.network import Network
from export.plan import Plan, StagePlan, load_plan
from export.planner import MAC_KINDS, Stage, aliases, hwc, plan_stages
from training.errors import Esp8kError
from training.paths import ROOT

__all__ = ["Plan", "StagePlan", "flags", "generate", "load_plan", "stage_outputs"]

PROFILES = ("speed", "balanced", "size")
KERNELS = ROOT / "firmware" / "components" / "nn"
FLAGS = KERNELS / "flags.json"


def generate(
    network_int8: Network,
    network_f16: Network | None,
    out_dir: Path,
    profile: str,
    prefix: str,
    identity: Identity,
) -> Plan:
    """Write the component; everything is rendered before the first file is made."""
    if profile not in PROFILES:
        raise Esp8kError(
            f"there is no profile {profile!r}", f"PROFILE is one of: {PROFILES}"
        )
    classes = math.prod(network_int8.tensors[network_int8.outputs[0]].shape)
    common = {
        "classes": classes,
        "model": identity.model,
        "hash": identity.weights_hash,
        "profile": profile,
        "prefix": prefix,
        "guard": prefix.upper(),
    }
    environment = layout.environment()
    files: dict[str, str] = {}
    int8 = _int8(network_int8, profile, prefix)
    layout.render_engine(environment, files, "int8", int8, common)
    f16 = None
    if network_f16 is not None:
        f16 = _f16(network_f16, profile, prefix)
        layout.render_engine(environment, files, "f16", f16, common)
    plan = Plan(
        model=identity.model,
        weights_hash=identity.weights_hash,
        identity_crc=identity.identity_crc,
        profile=profile,
        prefix=prefix,
        int8_arena_bytes=int8.arena,
        f16_arena_bytes=f16.arena if f16 else 0,
        stages=int8.plans + (f16.plans if f16 else ()),
    )
    files[f"include/{prefix}_model.h"] = environment.get_template(
        "model.h.jinja"
    ).render(**common, **_header(network_int8, plan, f16 is not None))
    for name in ("CMakeLists.txt", "library.json", "idf_component.yml"):
        template = environment.get_template(f"{name}.jinja")
        sources = sorted(path for path in files if path.endswith(".c"))
        files[name] = template.render(**common, sources=sources)
    files["plan.json"] = json.dumps(asdict(plan), indent=2) + "\n"
    _write(out_dir, files)
    return plan


def flags(target: str) -> list[str]:
    """Compile flags for "xtensa", "riscv", "host" or "wasm"."""
    table = json.loads(FLAGS.read_text())
    return [*table["all"], *table.get(target, [])]


def stage_outputs(plan: Plan, network: Network, image: np.ndarray) -> list[np.ndarray]:
    """What each stage must give for one image of raw bytes: the live region.

    The engine is that of `network`: uint8 arrays (int8 for the logits) or float32.
    """
    pixels = np.asarray(image, np.uint8).reshape(1, -1)
    if network.tensors[network.inputs[0]].dtype == "int8":
        engine = "int8"
        values = reference.run(network, (pixels.astype(np.int16) - 128).astype(np.int8))
    else:
        engine = "f16"
        values = reference_f16.run(network, pixels)
    found = []
    for stage in plan.engine(engine):
        height, width, _ = stage.shape
        full = values[stage.tensor][0].reshape(hwc(network.tensors[stage.tensor].shape))
        live = full[:height, :width]
        if stage.representation.startswith("u8"):
            live = (live.astype(np.int16) + 128).astype(np.uint8)
        found.append(np.ascontiguousarray(live))
    return found


# ==== One engine ====


def _int8(network: Network, profile: str, prefix: str) -> layout.Engine:
    options = Options(
        profile,
        prefix,
        wide_tables=profile == "speed",
        wide_weights=profile != "size",
        winograd=profile == "speed",
    )
    network = _named_end(network)
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
        return emit_simple.emit(network, stage, options, pitches, last)
    make = emit_band.ways if emit_band.applies(stage) else _ways
    return min(make(network, stage, options, pitches[0], last), key=_cost)


def _ways(
    network: Network, stage: Stage, options: Options, pitch: int, last: bool
) -> list[Emitted]:
    """What a profile has to choose from."""
    found = [emit_conv.emit(network, stage, options, pitch, last)]
    if options.winograd:
        for tiles in (emit_winograd, emit_winograd4):
            found.append(tiles.emit(network, stage, options, pitch, last))
    return [made for made in found if made is not None]


def _cost(made: Emitted) -> int:
    """What a profile for speed goes by."""
    return cost.estimate(made.context, "xtensa")


def _f16(network: Network, profile: str, prefix: str) -> layout.Engine:
    options = Options(
        profile, prefix, wide_tables=False, wide_weights=False, winograd=False
    )
    network = _named_end(network)
    small = _f16_stream(network, options, False)
    if profile == "size":
        return small
    wide = _f16_stream(network, options, True)
    limit = max(stream_f16.ARENA, small.arena * stream_f16.MORE)
    if small.arena <= stream_f16.ARENA:
        limit = stream_f16.ARENA
    return wide if wide.arena <= limit else small


def _f16_stream(network: Network, options: Options, wide: bool) -> layout.Engine:
    stages = plan_stages(network)
    stream = stream_f16.plan(network, stages, wide)
    rounding = reference_f16.roundings(network, stages)
    emitted = [
        emit_f16.emit(
            network,
            stage,
            options,
            _pitch(network, stage),
            rows=stream.rows[stage.number] if stage.number < len(stream) else 0,
            rounding=emit_f16.ROUNDING[rounding[stage.number]],
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


def _named_end(network: Network) -> Network:
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
    stream: stream_f16.Stream = stream_f16.NONE,
) -> layout.Engine:
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
    homes = stream_f16.homes(stream, stages, scratch)
    wanted = {n: 0 if n in homes else size for n, size in scratch.items()}
    memory = allocate(network, stages, item, wanted, streamed, windows, lags)
    for number, (tensor, at) in homes.items():
        memory.scratch[number] = memory.offsets[tensor] + at
    contexts, arrays, plans = [], [], []
    for (stage, last), made in zip(_ends(network, stages), emitted, strict=True):
        made.context["comment"] = layout.describe(network, stage, made)
        shares = any((i, stage.output) in memory.shared for i in stage.inputs)
        made.context["restrict"] = "" if shares else "restrict "
        contexts.append(made.context)
        arrays += made.arrays
        plans.append(_stage_plan(stage, engine, made, last))
    calls = Calls(network, stages, memory, scratch, engine)
    lines = []
    if streamed:
        lines = calls.rows(stream) if stream else calls.pair(*stages[:2])
    for stage in stages[streamed:]:
        lines += calls.whole(stage)
    return layout.Engine(contexts, lines, arrays, memory.size, tuple(plans))


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
    )


def _header(network: Network, plan: Plan, has_f16: bool) -> dict[str, Any]:
    out = network.tensors[network.outputs[0]]
    return {
        "crc": f"0x{plan.identity_crc:08X}",
        "engines": "int8 and float16" if has_f16 else "int8",
        "has_f16": has_f16,
        "input_bytes": math.prod(network.tensors[network.inputs[0]].shape),
        "logit_scale": f"{float(out.scale):.9g}",
        "logit_zero_point": out.zero_point,
        "int8_arena": plan.int8_arena_bytes,
        "f16_arena": plan.f16_arena_bytes,
        "int8_stages": len(plan.engine("int8")),
        "f16_stages": len(plan.engine("f16")),
    }


def _write(out_dir: Path, files: dict[str, str]) -> None:
    """Write all files; the kernels' headers go beside the sources."""
    for name, text in files.items():
        path = out_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copyfile(FLAGS, out_dir / "flags.json")
