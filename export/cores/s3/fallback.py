"""Stages that this core computes by the portable engine's kernel.

Its inputs are copied from their layouts to bytes u = q + 128 without gaps, as that
kernel reads them, and what it writes is copied back: slow, always exact.
"""

from dataclasses import replace

from export.cores.s3.kernel import Call, Portable
from export.cores.s3.layout import Layout
from export.graph.stage import Stage
from export.kernels import registry
from export.kernels.kernel import Options
from export.plan.units import round_up


def calls(stage: Stage, layouts: dict[int, Layout], name: str) -> list[Call]:
    """The calls of the stage."""
    inner = replace(stage, is_output=False)
    options = Options("balanced", name)
    kernel = min(registry.int8(inner, options), key=lambda one: one.scratch)
    read = [layouts[source.tensor] for source in stage.sources]
    sizes = [one.height * one.width * one.channels for one in read]
    sizes.append(stage.size)
    at, places = 0, []
    for size in (*sizes, kernel.scratch):
        places.append(at)
        at += round_up(size, 16)
    portable = Portable(name, kernel, tuple(places), max(at, 16))
    return [Call(portable, stage.inputs, stage.output, stage.number)]
