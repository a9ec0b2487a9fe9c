"""The script that found the weights of `export.plan.cost`.

    esp8k fit-cost                  # half an hour of emulation
    esp8k fit-cost --core riscv     # one core alone
    esp8k fit-cost --core s3        # the C around the kernels of the ESP32-S3

Counts every weighted layer of the typical networks that are fitted and of v1, v2 and
v3, directly summed in both weight types and by each Winograd, and prints the weights
with the least relative error. Layers that hardly matter to their network are left out:
nothing is asked of them. What a product and a load cost is known; direct sums are
fitted first, and Winograd's own kinds of work to what they leave.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from core.cli import parse
from core.program import run
from core.text import for_json
from export.emit import generate, lower
from export.emit.identity import Identity
from export.graph.network import Network
from export.graph.read import read_tflite
from export.kernels.int8.conv import Conv
from export.kernels.int8.depthwise import Depthwise
from export.kernels.int8.strip import PooledStrip
from export.kernels.kernel import Kernel
from tools.bench import budget, fit_s3, profiler
from tools.bench.drawn.typical import (
    FITTED,
    FITTED_DIRECT,
    typical_image,
    typical_network,
)

CORES = {"xtensa": "lx106", "riscv": "rv32imc"}  # the name in WEIGHTS: the target's
S3 = "s3"  # whose kernels are counted: what is around them is fitted
LEAST = 4000  # instructions of a layer that is worth a line
MATTERS = 0.05  # of a network's instructions: the part of a layer that is looked at
ROUNDS = 40  # of giving more weight to what fits worst
WORST = 0.4  # how much more: this power of the error
KNOWN = {
    "xtensa": {"product": 2.0, "load": 1.0, "widened": 2.0},
    "riscv": {"product": 2.0, "load": 1.0, "widened": 0.0},
}
IDENTITY = Identity("model", "ab" * 32, 0x12345678)  # of what nobody flashes
Ways = tuple[tuple[str, str], ...]  # profile and method
DIRECT: Ways = (("speed", "direct"), ("speed", "maxima"))
ALL: Ways = (
    *(("speed", "direct"), ("size", "direct"), ("speed", "maxima")),
    *(("speed", "winograd"), ("speed", "winograd4")),
)
Line = tuple[dict[str, float], int]  # work, and the instructions counted for it


def only(method: str) -> lower.Price:
    """A price list by which the generator takes this method wherever it can.

    "maxima" sums directly, and takes maxima along a row where a strip's pool allows.
    """

    def price(made: Kernel) -> float:
        if method == "maxima":
            summed = rows(made)
            maxima = isinstance(summed, Conv) and summed.maxima is not None
            return 2 * (made.method != "direct") + (not maxima)
        return int(made.method != method)

    return price


def rows(kernel: Kernel) -> Kernel:
    """What sums: the kernel, or the one that makes the rows of its strip."""
    return kernel.inner if isinstance(kernel, PooledStrip) else kernel


def generated(
    network: Network, profile: str, method: str, folder: Path
) -> tuple[Kernel, ...]:
    """The kernels of the weighted layers by one method; all C below `folder`."""
    taken = only(method)
    place = (folder, profile, "net", IDENTITY, taken)
    generate.generate(network, None, *place, lx6=False)
    engine = lower.int8(network, profile, "net", taken)
    return tuple(kernel for kernel in engine.kernels if kernel.stage.weighs)


def counted(
    network: Network, image: np.ndarray | None, profile: str, method: str, core: str
) -> Iterator[tuple[Kernel, str, int]]:
    """(kernel, method, instructions) of each weighted layer."""
    with tempfile.TemporaryDirectory() as name:
        kernels = generated(network, profile, method, Path(name))
        found = profiler.measure(Path(name), "int8", CORES[core], image=image)
    for kernel in kernels:
        yield kernel, kernel.method, found.per_stage[kernel.name]


def constant(kernel: Kernel) -> bool:
    """Whether the activation leaves one value: the compiler drops the sums."""
    assert kernel.requant is not None
    return kernel.requant.low >= kernel.requant.high


def fit(lines: list[Line], known: dict[str, float]) -> dict[str, float]:
    """`known`, and the rest by least squares of relative errors.

    Of these the worst count more.
    """
    kinds = sorted({kind for work, _ in lines for kind in work} - known.keys())
    table = np.array([[w.get(k, 0) / count for k in kinds] for w, count in lines])
    left = [1 - price(w, known) / count for w, count in lines]
    weight = np.ones(len(lines))
    for _ in range(ROUNDS):
        scaled = np.vstack([table * weight[:, None], 1e-4 * np.eye(len(kinds))])
        wanted = np.concatenate([left * weight, np.zeros(len(kinds))])
        found = np.linalg.lstsq(scaled, wanted, rcond=None)[0]
        weight = (np.abs(table @ found - left) + 0.01) ** WORST
    return known | dict(zip(kinds, found.round(2).tolist(), strict=True))


def price(work: dict[str, float], weights: dict[str, float]) -> float:
    """What is known of a layer's instructions."""
    return sum(weights.get(kind, 0) * count for kind, count in work.items())


def drawn(seed: int, ways: Ways) -> tuple[Network, np.ndarray | None, Ways]:
    """A typical network with an image, and the ways in which it is counted."""
    network = typical_network(seed)
    return network, typical_image(network, seed), ways


def lines(core: str) -> tuple[list[Line], list[Line]]:
    """Everything that is fitted to: direct sums, and Winograd."""
    if core == S3:
        return fit_s3.lines(IDENTITY), []
    jobs = [drawn(seed, ALL) for seed in FITTED]
    jobs += [drawn(seed, DIRECT) for seed in FITTED_DIRECT]
    for model in ("v1", "v2", "v3"):
        path = budget.exported(model) / "model_int8.tflite"
        ways = (*ALL, ("balanced", "direct"), ("balanced", "maxima"))
        jobs.append((read_tflite(path, model), profiler.default_image(), ways))
    direct: list[Line] = []
    tiled: list[Line] = []
    for network, image, ways in jobs:
        seen = set()  # one method is often another
        for profile, method in ways:
            found = list(counted(network, image, profile, method, core))
            least = max(LEAST, MATTERS * sum(count for _, _, count in found))
            for kernel, _, count in found:
                same = profile, kernel.name, count
                if count < least or constant(kernel) or same in seen:
                    continue
                seen.add(same)
                summed = isinstance(rows(kernel), (Conv, Depthwise))
                (direct if summed else tiled).append((kernel.work(), count))
    return direct, tiled


@dataclass(frozen=True)
class Config:
    """Options of `esp8k fit-cost`."""

    core: Literal["all", "xtensa", "riscv", "s3"] = "all"  # whose weights
    json: bool = False  # print them as JSON


def main(argv: Sequence[str] | None = None) -> None:
    """Count, fit, print."""
    config = parse(Config, argv, "fit-cost", __doc__ or "")
    found = {}
    for core in (*CORES, S3) if config.core == "all" else (config.core,):
        direct, tiled = lines(core)
        found[core] = fit(direct, KNOWN.get(core, {}))
        if tiled:
            found[core] = fit(tiled, found[core])
        if not config.json:
            print(core, found[core], flush=True)
    if config.json:
        print(for_json(found))


if __name__ == "__main__":
    run(main)
