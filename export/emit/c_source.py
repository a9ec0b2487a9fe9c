"""An engine's C files from its stages: comments, headers, templates."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from export.graph.fusion import MAC_KINDS, Stage, hwc
from export.graph.network import Network
from export.kernels.arrays import Array
from export.plan import cost
from export.plan.record import StagePlan

EMIT = Path(__file__).parent
TEMPLATES = (EMIT / "templates", EMIT.parent / "kernels")


@dataclass(frozen=True)
class Engine:
    """An engine's stages, ready to be laid out."""

    stages: list[dict[str, Any]]
    calls: list[str]
    arrays: list[Array]
    arena: int
    plans: tuple[StagePlan, ...]


def environment() -> jinja2.Environment:
    """Where the templates are; an unknown name in one is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render_engine(
    templates: jinja2.Environment,
    files: dict[str, str],
    name: str,
    engine: Engine,
    common: dict[str, Any],
) -> None:
    """Add the C files of one engine to `files`."""
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
        files[target] = templates.get_template(template).render(**variables)


def _kernels(stages: list[dict[str, Any]]) -> list[str]:
    """The kernel headers that an int8 engine needs."""
    found = {"nn_int8.h"}
    for stage in stages:
        if stage["template"] == "band_int8.c.jinja":
            found.add("nn_band.h")
        if stage.get("method") == "winograd":
            found.add("nn_winograd.h")
        if stage.get("method") == "winograd4":
            found.add("nn_winograd4.h")
        if stage.get("mac16"):
            found.add("nn_mac16.h")
        if stage.get("window"):
            found.add("nn_window.h")
        if stage.get("kind") == "SOFTMAX":
            found.add("nn_softmax.h")
    return sorted(found)


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
            f"in: scale {float(source.scale):.9g}, zero point {source.zero_point}"
        )
        lines.append(f"out: scale {float(out.scale):.9g}, zero point {out.zero_point}")
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
