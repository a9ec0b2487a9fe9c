"""The ESP32-S3's engine for tests: generated, and its text and memory watched."""

import subprocess
from pathlib import Path

from export.emit import generate, s3_host
from export.emit.host_build import compile_c
from export.graph.network import Network
from tests.support import stalls
from tests.support.components import IDENTITY

QUICK = "-O0"  # of a thousand lines a kernel; for few images
MAIN = """
#include "{prefix}_model.h"
#include <stdlib.h>
int main(int argc, char **argv)
{{
    static {prefix}_int8_arena_t arena;
    /* Vector loads take whole lines of 16 bytes: each with a byte of the input. */
    static __attribute__((aligned(16)))
    uint8_t in[({upper}_INPUT_BYTES + 1 + 15) / 16 * 16];
    const size_t at = argc > 1 ? (size_t)atoi(argv[1]) : 0;
    int8_t *const out = malloc({upper}_OUTPUT_SIZE + at);

    const int wrong =
        out == NULL || {prefix}_int8_run(&arena, in + at, out + at) != {upper}_OK;

    free(out);
    return wrong;
}}
"""


def generated(network: Network, folder: Path, profile: str = "speed") -> generate.Plan:
    """A component with this core's engine."""
    place = (folder, profile, "net", IDENTITY)
    return generate.generate(network, None, *place, s3=True, lx6=False)


def assert_apart(folder: Path) -> None:
    """Hold the kernels to few stalls for loads and sums."""
    left = stalls.unexplained((folder / "src" / "net_int8_s3.S").read_text())
    assert left.total() <= stalls.FEW, left


def assert_in_bounds(folder: Path, tmp_path: Path) -> None:
    """Run a component with its memory watched, the caller's at two addresses."""
    (tmp_path / "main.c").write_text(MAIN.format(prefix="net", upper="NET"))
    sources = s3_host.sources(folder, tmp_path / "s3")
    sources.append(tmp_path / "main.c")
    program, includes = tmp_path / "program", [folder / "src", s3_host.MODELS]
    checks = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", QUICK, "-g")
    compile_c(sources, includes, program, "-DNN_S3=1", *checks)
    for offset in "01":
        subprocess.run([str(program), offset], check=True)
