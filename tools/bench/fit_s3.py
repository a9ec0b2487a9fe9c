"""What the C around the ESP32-S3's kernels takes, counted: for `esp8k fit-cost`.

    lines = fit_s3.lines(identity)     # (work, instructions) of each network

No compiler for that core is at hand, so lx106's makes the C. In the kernels' places
are functions that return at once; a kernel's own count holds that instruction.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from export.cores.s3.lower import Engine, lower
from export.emit import generate
from export.emit.identity import Identity
from export.graph.network import Network
from tools.bench import build, count, models
from tools.bench.drawn.typical import FITTED, typical_network

PROFILE = "balanced"  # in which most stages run row by row
ARGUMENTS = "(const void *in, void *out, const void *w, void *s, const void *c)"


def lines(identity: Identity) -> list[tuple[dict[str, float], int]]:
    """Of all typical networks that are fitted to and have no portable kernel."""
    found = []
    for seed in FITTED:
        network = typical_network(seed)
        engine = lower(network, "net", PROFILE)
        if not engine.portables:
            found.append((engine.work, counted(network, engine, identity)))
    return found


def counted(network: Network, engine: Engine, identity: Identity) -> int:
    """Instructions of the C around the engine's kernels."""
    names = sorted({kernel.name for kernel in engine.kernels})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = (folder, PROFILE, "net", identity)
        plan = generate.generate(network, None, *place, s3=True, lx6=False)
        empty = folder / "kernels.c"
        empty.write_text("".join(f"void {n}{ARGUMENTS} {{ }}\n" for n in names))
        program = replace(
            models.program(folder, plan, "int8"),
            sources=(folder / "src" / "net_int8_s3.c", empty),
            defines=("NN_S3=1",),
            warnings=("-w",),
        )
        image = np.zeros((1, program.image_bytes), np.uint8)
        flags = generate.flags("xtensa")
        built = build.build(program, "lx106", flags, image, folder / "built")
        calls = int(engine.work["call"])  # each returns
        return count.count(built, image).instructions - calls
