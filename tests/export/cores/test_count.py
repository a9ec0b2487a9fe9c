"""Instructions counted from the text of the S3's kernels, against what they take."""

from pathlib import Path

from core.pixels import to_bytes
from export.assembly import source
from export.cores.s3.code import Code
from export.cores.s3.component import assembly
from export.cores.s3.count import instructions
from export.cores.s3.lower import lower
from export.emit import generate, s3_host
from export.emit.golden import joined, random_values
from export.emit.identity import identify
from export.frontend.support import core_of
from export.graph.read import read_tflite
from tools.bench.drawn.networks import random_network

SEED = 26  # nine kernels of several kinds


def test_a_loop_in_a_loop_is_counted() -> None:
    code = Code("f")
    code("movi a10,3")
    outer = code.label("outer")
    code("movi a11,5")
    inner = code.label("inner")
    code("add a2,a2,a3")
    code.again("a11", inner)
    code.again("a10", outer)
    (function,) = source.parse(code.end())
    # entry, movi; 3 x (movi, 5 x (add, addi, bnez), addi, bnez); retw
    assert instructions(function) == 2 + 3 * (1 + 5 * 3 + 2) + 1


def test_the_count_is_what_the_models_of_the_instructions_count(
    tmp_path: Path,
) -> None:
    network, _ = core_of(read_tflite(random_network(SEED), "net"))
    identity = identify("net", network.sha256, network.sha256)
    profile = "size"  # with stages row by row
    generate.generate(network, None, tmp_path, profile, "net", identity, s3=True)
    host = s3_host.S3(tmp_path, tmp_path / "host")
    host.run(to_bytes(joined(random_values(network, 1, 0))))
    engine = lower(network, "net", profile)
    functions = source.parse(assembly(engine))
    counts = {f.name: instructions(f) for f in functions}
    counted = sum(c.steps * counts.get(c.kernel.name, 0) for c in engine.calls)
    assert host.instructions == counted > 1000
