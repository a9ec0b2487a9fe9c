"""The script that found the weights of `export.cost`.

    .venv/bin/python -m tests.codegen.fit_cost        # half an hour of emulation

Counts every weighted layer of the typical networks of FITTED and of v1, v2 and v3,
directly summed in both weight types and by each Winograd, and prints the weights with
the least relative error. Those of F(4, 3), of bands and of three parts were fitted
with the others held, to v1, v2 and v3 first: see that tests/codegen/test_cost.py
holds when pasting into WEIGHTS.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from export import codegen, cost, engines
from export.emit_int8 import Emitted
from export.network import Network, read_tflite
from tests.codegen.conftest import IDENTITY
from tests.codegen.typical_networks import FITTED, typical_image, typical_network
from tools import budget, emulator

CORES = {"xtensa": "lx106", "riscv": "rv32imc"}  # the name in WEIGHTS: the target's
LEAST = 4000  # instructions of a layer that is worth a line
ROUNDS = 30  # of giving more weight to what fits worst


def only(method: str) -> Callable[[Emitted], int]:
    """A price list by which the generator takes this method wherever it can."""
    return lambda made: int(made.context.get("method", "direct") != method)


def counted(
    network: Network, image: np.ndarray | None, profile: str, method: str, core: str
) -> Iterator[tuple[dict[str, Any], str, int]]:
    """(template context, method, instructions) of each weighted layer."""
    kept = engines._cost
    engines._cost = only(method)
    try:
        engine = engines.int8(network, profile, "net")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            codegen.generate(network, None, folder, profile, "net", IDENTITY)
            found = emulator.measure(folder, "int8", CORES[core], image=image)
    finally:
        engines._cost = kept
    for context, plan in zip(engine.stages, engine.plans, strict=True):
        if "weights" in context:
            yield context, plan.method, found["per_stage"][plan.name]


def constant(context: dict[str, Any]) -> bool:
    """Whether the activation leaves one value: the compiler drops the sums."""
    return context["requant"].low >= context["requant"].high


def fit(rows: list[tuple[dict[str, float], int]]) -> dict[str, float]:
    """Weights by least squares of relative errors, the worst ones counting more."""
    kinds = sorted({kind for work, _ in rows for kind in work})
    table = np.array([[w.get(k, 0) / count for k in kinds] for w, count in rows])
    weight = np.ones(len(rows))
    for _ in range(ROUNDS):
        scaled = np.vstack([table * weight[:, None], 1e-4 * np.eye(len(kinds))])
        wanted = np.concatenate([weight, np.zeros(len(kinds))])
        found = np.linalg.lstsq(scaled, wanted, rcond=None)[0]
        weight = (np.abs(table @ found - 1) + 0.01) ** 0.75
    return dict(zip(kinds, found.round(2).tolist(), strict=True))


def main() -> None:
    """Count, fit, print."""
    networks = [
        (typical_network(s), typical_image(typical_network(s), s)) for s in FITTED
    ]
    for model in ("v1", "v2", "v3"):
        path = budget.exported(model) / "model_int8.tflite"
        networks.append((read_tflite(path, model), emulator.default_image()))
    for core in CORES:
        rows = []
        for network, image in networks:
            for profile, method in (
                ("speed", "direct"),
                ("speed", "winograd"),
                ("speed", "winograd4"),
                ("size", "direct"),
            ):
                for context, _, count in counted(network, image, profile, method, core):
                    if count >= LEAST and not constant(context):
                        rows.append((cost.work(context), count))
        print(core, fit(rows))


if __name__ == "__main__":
    main()
