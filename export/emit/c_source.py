"""What stands in an engine's C files: a template each, and what it is filled with."""

from collections import Counter
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import jinja2

from export.cores.s3 import component, lower
from export.emit.engine import Engine
from export.emit.subject import Subject
from export.graph.attributes import Window
from export.graph.geometry import hwc
from export.graph.stage import Stage
from export.kernels import registry, sharing
from export.kernels.kernel import Kernel
from export.kernels.registry import Core

EMIT = Path(__file__).parent
WIDTH = 80  # columns of the C
TEMPLATES = (EMIT / "templates", EMIT.parent / "kernels")
HEADERS = {"int8": "nn_int8.h", "int16": "nn_int16.h", "f16": "nn_int8.h"}
CORES = {"xtensa": "lx106", "riscv": "RV32IMC"}  # of which the cost is told


@cache  # a template is compiled once, however many networks are written
def environment(*folders: Path) -> jinja2.Environment:
    """The templates of `folders`; an unknown name in one is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders or TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals["signature"] = signature
    made.filters["longest"] = partial(max, key=len)  # no loop of Jinja
    return made


def signature(head: str, *parameters: str) -> str:
    """A function's head with as many parameters on a line as 80 columns hold.

    An empty parameter is none.
    """
    parameters = tuple(p for p in parameters if p)
    margin = " " * (len(head) + 1)
    lines = [f"{head}("]
    for number, parameter in enumerate(parameters, 1):
        text = parameter + (")" if number == len(parameters) else ",")
        first = lines[-1].endswith("(") or lines[-1] == margin
        if not first and len(lines[-1]) + 1 + len(text) > WIDTH - 1:
            lines.append(margin)
            first = True
        lines[-1] += text if first else f" {text}"
    return "\n".join(lines)


@dataclass(frozen=True)
class Page:
    """A file of C before it is rendered."""

    template: str
    variables: dict[str, object]


def engine_pages(
    templates: jinja2.Environment,
    subject: Subject,
    name: str,
    engine: Engine,
    core: Core = registry.PORTABLE,
) -> dict[str, Page]:
    """The C files of one engine, by their path; each core has its own."""
    stem = name if core is registry.PORTABLE else f"{name}_{core.name}"
    functions, names = _functions(templates, engine)
    variables = {
        **vars(subject),
        "engine": name,
        "stem": stem,
        "condition": core.condition if name == "int8" else core.fpu,
        "guarded": subject.lx6 if name == "int8" else subject.lx6_f16,
        "functions": functions,
        "calls": [sharing.renamed(line, names) for line in engine.calls],
        "arrays": engine.arrays,
        "arena": engine.arena,
        "uses_arena": engine.arena > 0,
        "total": sum(a.size for a in engine.arrays),
        "kernels": sorted({HEADERS[name], *engine.headers}),
        "macs": sum(p.macs for p in engine.plans),
        "effective_macs": sum(p.effective_macs for p in engine.plans),
    }
    start = f"src/{subject.prefix}_{stem}"
    made = {
        f"{start}_network.c": f"network_{name}.c.jinja",
        f"{start}_weights.c": "weights.c.jinja",
        f"{start}_weights.h": "weights.h.jinja",
    }
    return {path: Page(template, variables) for path, template in made.items()}


@dataclass(frozen=True)
class Function:
    """A layer's C function, and the comment above it."""

    comment: str
    code: str


def _functions(
    templates: jinja2.Environment, engine: Engine
) -> tuple[list[Function], dict[str, str]]:
    """Those that are written; the others' names, each with the one that is called."""
    layers = list(zip(engine.stages, engine.kernels, strict=True))
    codes = {
        stage.name: engine.shared.code(kernel.code(templates, engine.shares(stage)))
        for stage, kernel in layers
    }
    names = sharing.functions(codes)
    uses = Counter(names.get(stage.name, stage.name) for stage in engine.stages)
    written = [
        Function(describe(stage, kernel, uses[stage.name]), codes[stage.name])
        for stage, kernel in layers
        if stage.name not in names
    ]
    return written, names


def pair(prefix: str, name: str, context: dict[str, object]) -> dict[str, str]:
    """src/<prefix>_<name>.h and .c from the templates of that name, by their path."""
    made = environment()
    return {
        f"src/{prefix}_{name}.{kind}": made.get_template(f"{name}.{kind}.jinja").render(
            context, prefix=prefix, guard=prefix.upper()
        )
        for kind in ("h", "c")
    }


def s3_pages(
    templates: jinja2.Environment,
    subject: Subject,
    engine: lower.Engine,
    portable: Engine,
) -> dict[str, Page]:
    """The ESP32-S3's int8 engine; hooks get the portable engine's numbers."""
    shown = {stage.output: stage.number for stage in portable.stages}
    headers = {"nn_int8.h"}.union(*(k.kernel.headers for k in engine.portables))
    variables = {
        **vars(subject),
        "arena": engine.arena,
        "total": engine.constant_bytes,
        "headers": sorted(headers) if engine.portables else [],
        "kernels": [kernel.name for kernel in component.functions(engine)],
        "constants": component.constants(engine),
        "arrays": component.arrays(engine),
        "portable": [
            sharing.renamed(k.kernel.code(templates, False), engine.repeats)
            for k in engine.portables
        ],
        "body": component.body(engine, shown),
    }
    start = f"src/{subject.prefix}_int8_s3"
    assembly = {**vars(subject), "text": component.assembly(engine)}
    return {
        f"{start}.c": Page("s3_int8.c.jinja", variables),
        f"{start}.S": Page("s3_int8.S.jinja", assembly),
    }


def describe(stage: Stage, kernel: Kernel, uses: int) -> str:
    """The comment above a layer's function; `uses`: how many layers it computes."""
    lines = [f"==== {stage.name}: {', '.join(op.shown for op in stage.operators)} ===="]
    tensors = stage.network.tensors
    source, out = tensors[stage.inputs[0]], tensors[stage.output]
    shapes = [stage.sources[0].region, stage.head_region, stage.region]
    if stage.pool is None:
        shapes.pop(1)
    way = " -> ".join(_shape(shape) for shape in shapes)
    lines.append(f"{way} required, of {_shape(hwc(out.shape))}")
    a = stage.head.attributes
    if isinstance(a, Window):
        padding = a.padding
        if a.pads is not None:
            (top, bottom), (left, right) = a.pads
            padding = f"{top}, {bottom} rows, {left}, {right} columns"
        lines.append(
            f"stride {a.stride_h}x{a.stride_w}, padding {padding}, "
            f"activation {a.activation}"
        )
    lines.append(f"{stage.macs} MACs, {stage.effective_macs} effective")
    for tensor, name in ((source, "in"), (out, "out")):
        if source.quant is not None and out.quant is not None:
            scale = f"{float(tensor.scale):.9g}"
            lines.append(f"{name}: scale {scale}, zero point {tensor.zero_point}")
    if kernel.requant is not None:
        lines.append(f"requantisation: {kernel.requant.form}")
        if stage.weighs:
            counts = (
                f"{kernel.cost(core):,} on {name}" for core, name in CORES.items()
            )
            lines.append(f"estimated instructions: {', '.join(counts)}")
    if uses > 1:
        lines.append(f"called for {uses} layers, of which this is the first")
    body = "\n".join(f" * {line}" for line in lines)
    return "/*" + body[2:] + "\n */"


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
