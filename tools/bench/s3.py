"""A model's row on the ESP32-S3's vector unit: no emulator of ours knows it.

    plan = models.generate(model, "speed", folder / "component", s3=True)
    line = measure(model, plan, folder)

The kernels' own text runs over the models of its instructions and counts itself. What
the C around them takes is estimated (`export.plan.cost`); no compiler for this core is
at hand. The bits are held to the expected ones.
"""

from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CheckFailed
from export.assembly import source, translate
from export.assembly.pie import PIE
from export.cores.s3.component import assembly
from export.cores.s3.lower import lower
from export.emit import s3_host
from export.plan.record import Plan
from tools.bench.models import Model

CALL_BYTES = 28  # of code for each call, about


def measure(model: Model, plan: Plan, place: Path) -> dict[str, Any]:
    """The row of firmware/budget.json; the engine's text is in `place`/component."""
    engine = lower(model.int8, plan.prefix, plan.profile)
    images = model.images[:2]
    built = s3_host.S3(place / "component", place / "s3", "-O0")  # two runs
    found = built.run(images)
    if model.expected is not None and not np.array_equal(found, model.expected[:2]):
        raise CheckFailed(
            f"{model.name}: the ESP32-S3's engine differs from TFLite Micro",
            "a bug of export/cores/s3: report it with this model",
        )
    functions = source.parse(assembly(engine))
    code = sum(translate.size(PIE, function) for function in functions)
    return {
        "model": model.name,
        "target": "s3",
        "engine": "int8",
        "profile": plan.profile,
        "instructions": built.instructions + engine.overhead,
        "code_bytes": code + len(engine.calls) * CALL_BYTES,
        "const_bytes": engine.constant_bytes,
        "ram_bytes": engine.arena,
    }
