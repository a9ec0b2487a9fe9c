"""The C of a network: weights and one function a layer, ready to be compiled.

    plan = generate(network_int8, network_f16, out_dir, "speed", "esp8k", identity)

writes a self-contained component below `out_dir`: include/<prefix>_model.h, src/*.c,
CMakeLists.txt, library.json, and beside it plan.json and flags.json. The same inputs
give the same bytes. `make export` calls it; Jinja lays out, Python computes.
"""

import json
import math
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from export import (
    cost,
    emit_conv,
    emit_f16,
    emit_simple,
    emit_winograd,
    overlap,
    reference,
    reference_f16,
)
from export.emit_calls import Calls
from export.emit_int8 import Array, Emitted, Options
from export.identity import Identity
from export.memory import allocate
from export.network import Network
from export.planner import MAC_KINDS, Stage, aliases, hwc, plan_stages
from training.errors import Esp8kError
from training.paths import ROOT

PROFILES = ("speed", "balanced", "size")
KERNELS = ROOT / "firmware" / "components" / "nn"
FLAGS = KERNELS / "flags.json"


@dataclass(frozen=True)
class StagePlan:
    """What plan.json says of one stage."""

    name: str
    engine: str  # int8 | f16
    number: int  # as the hook gets it
    tensor: int  # index of its output in the Network
    shape: tuple[int, int, int]  # live region (H, W, C) that is stored
    representation: str  # u8=q+128 | int8 | float32
    macs: int
    live_macs: int
    weight_bytes: int  # weights, tables and per-channel constants
    method: str  # direct | winograd | ...


@dataclass(frozen=True)
class Plan:
    """What was generated: plan.json."""

    model: str
    weights_hash: str
    identity_crc: int
    profile: str
    prefix: str
    int8_arena_bytes: int
    f16_arena_bytes: int
    stages: tuple[StagePlan, ...]

    def engine(self, name: str) -> tuple[StagePlan, ...]:
        """The stages of one engine, in order."""
        return tuple(s for s in self.stages if s.engine == name)


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
    environment = _environment()
    files: dict[str, str] = {}
    int8 = _int8(network_int8, profile, prefix)
    _render_engine(environment, files, "int8", int8, common)
    f16 = None
    if network_f16 is not None:
        f16 = _f16(network_f16, profile, prefix)
        _render_engine(environment, files, "f16", f16, common)
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


def load_plan(path: Path) -> Plan:
    """Read plan.json."""
    raw = json.loads(path.read_text())
    stages = tuple(
        StagePlan(**{**s, "shape": tuple(s["shape"])}) for s in raw.pop("stages")
    )
    return Plan(**raw, stages=stages)


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


@dataclass(frozen=True)
class Engine:
    """An engine's stages, ready to be laid out."""

    stages: list[dict[str, Any]]
    calls: list[str]
    arrays: list[Array]
    arena: int
    plans: tuple[StagePlan, ...]


def _int8(network: Network, profile: str, prefix: str) -> Engine:
    options = Options(
        profile,
        prefix,
        wide_tables=profile == "speed",
        wide_weights=profile != "size",
        winograd=profile == "speed",
    )
    network = _named_end(network)
    stages = plan_stages(network)
    emitted = [
        _emit_int8(network, stage, options, last)
        for stage, last in _ends(network, stages)
    ]
    return _engine(network, stages, emitted, "int8", 0)


def _emit_int8(network: Network, stage: Stage, options: Options, last: bool) -> Emitted:
    """The cheapest way that the profile allows for one stage."""
    pitches = [_pitch(network, stage, at) for at in range(len(stage.inputs))]
    if stage.head.kind not in MAC_KINDS:
        return emit_simple.emit(network, stage, options, pitches, last)
    direct = emit_conv.emit(network, stage, options, pitches[0], last)
    if not options.winograd:
        return direct
    made = emit_winograd.emit(network, stage, options, pitches[0], last)
    if made is None or _cost(made) >= _cost(direct):
        return direct
    return made


def _cost(made: Emitted) -> int:
    """What a profile for speed goes by."""
    return cost.estimate(made.context, "xtensa")


def _f16(network: Network, profile: str, prefix: str) -> Engine:
    options = Options(
        profile, prefix, wide_tables=False, wide_weights=False, winograd=False
    )
    network = _named_end(network)
    stages = plan_stages(network)
    rows = emit_f16.streamed(network, stages)
    flushed = reference_f16.flushed(network, stages)
    emitted = [
        emit_f16.emit(
            network,
            stage,
            options,
            _pitch(network, stage),
            last,
            row_by_row=stage.number < rows,
            flush=stage.number in flushed,
        )
        for stage, last in _ends(network, stages)
    ]
    return _engine(network, stages, emitted, "f16", rows)


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
) -> Engine:
    scratch = {
        stage.number: made.context.get("scratch", 0)
        for stage, made in zip(stages, emitted, strict=True)
    }
    windows = {
        before.output: window.rows * window.width
        for before, after in zip(stages, stages[1:streamed], strict=False)
        for window in [emit_f16.window(network, after)]
    }
    item = 1 if engine == "int8" else 4
    lags = {}
    for stage, made in zip(stages, emitted, strict=True):
        if engine == "int8":
            found = overlap.lags(stage, made.context)
            for source, lag in zip(stage.inputs, found, strict=True):
                if lag is not None:
                    lags[source, stage.output] = lag
    memory = allocate(network, stages, item, scratch, streamed, windows, lags)
    contexts, arrays, plans = [], [], []
    for (stage, last), made in zip(_ends(network, stages), emitted, strict=True):
        made.context["comment"] = describe(network, stage, made)
        shares = any((i, stage.output) in memory.shared for i in stage.inputs)
        made.context["restrict"] = "" if shares else "restrict "
        contexts.append(made.context)
        arrays += made.arrays
        plans.append(_stage_plan(stage, engine, made, last))
    calls = Calls(network, stages, memory, scratch, engine)
    lines = calls.rows(streamed) if streamed else []
    for stage in stages[streamed:]:
        lines += calls.whole(stage)
    return Engine(contexts, lines, arrays, memory.size, tuple(plans))


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


def describe(network: Network, stage: Stage, made: Any) -> str:
    """The comment above a layer's function."""
    lines = [f"==== {stage.name}: {', '.join(op.kind for op in stage.operators)} ===="]
    source = network.tensors[stage.inputs[0]]
    out = network.tensors[stage.output]
    shapes = [
        "x".join(map(str, s))
        for s in (stage.in_live[0], stage.mac_live, stage.out_live)
    ]
    if stage.pool is None:
        shapes.pop(1)
    lines.append(
        " -> ".join(shapes) + f" live, of {'x'.join(map(str, hwc(out.shape)))}"
    )
    a = stage.head.attributes
    if "stride_h" in a:
        lines.append(
            f"stride {a['stride_h']}x{a['stride_w']}, padding {a['padding']}, "
            f"activation {a['activation']}"
        )
    lines.append(f"{stage.macs} MACs, {stage.live_macs} live")
    if source.quant is not None and out.quant is not None:
        lines.append(
            f"in: scale {float(source.scale):.9g}, zero point {source.zero_point}; "
            f"out: scale {float(out.scale):.9g}, zero point {out.zero_point}"
        )
        found = made.context.get("requant")
        if found is not None:
            lines.append(f"requantisation: {found.form}")
    if stage.head.kind in MAC_KINDS and "requant" in made.context:
        about = [
            f"{cost.estimate(made.context, core):,} on {name}"
            for core, name in (("xtensa", "lx106"), ("riscv", "RV32IMC"))
        ]
        lines.append(f"estimated instructions: {', '.join(about)}")
    body = "\n".join(f" * {line}" for line in lines)
    return "/*" + body[2:] + "\n */"


# ==== Rendering ====


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _render_engine(
    environment: jinja2.Environment,
    files: dict[str, str],
    name: str,
    engine: Engine,
    common: dict[str, Any],
) -> None:
    variables = {
        **common,
        "engine": name,
        "stages": engine.stages,
        "calls": engine.calls,
        "arrays": engine.arrays,
        "arena": engine.arena,
        "uses_arena": engine.arena > 0,
        "total": sum(a.size for a in engine.arrays),
        "kernels": _kernels(engine.stages),
        "macs": sum(p.macs for p in engine.plans),
        "live_macs": sum(p.live_macs for p in engine.plans),
    }
    variables["guard"] = f"{common['guard']}_{name.upper()}_WEIGHTS_H"
    for target, template in (
        (f"src/{name}_network.c", f"network_{name}.c.jinja"),
        (f"src/{name}_weights.c", "weights.c.jinja"),
        (f"src/{name}_weights.h", "weights.h.jinja"),
    ):
        files[target] = environment.get_template(template).render(**variables)


def _kernels(stages: list[dict[str, Any]]) -> list[str]:
    """The kernel headers that an int8 engine needs."""
    found = {"nn_int8.h"}
    for stage in stages:
        if stage["template"] == "winograd_int8.c.jinja":
            found.add("nn_winograd.h")
        if stage.get("window"):
            found.add("nn_window.h")
        if stage.get("kind") == "SOFTMAX":
            found.add("nn_softmax.h")
    return sorted(found)


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
