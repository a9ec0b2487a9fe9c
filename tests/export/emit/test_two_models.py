"""Two networks, both engines of each, in one program: C99 and C++17."""

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from export.emit.generate import generate
from export.emit.host_build import WARNINGS
from export.frontend.support import integer_core
from export.graph.read import read_tflite
from export.reference import float16, int8
from tests.support.components import IDENTITY, Components, Networks
from tests.support.random_f16 import random_f16, twin
from tools.bench.drawn.networks import random_network

MODELS = ("v2", "v3")
STRICT = (
    *WARNINGS,
    *"-Wcast-qual -Wcast-align -Wundef -Wmissing-declarations".split(),
    "-Wdouble-promotion",
)
C_ONLY = ("-Wmissing-prototypes", "-Wstrict-prototypes")
GCC_ONLY = ("-Wc++-compat", "-Wcast-align=strict")  # of C
LANGUAGES = [("gcc", "c99"), ("clang-19", "c99"), ("g++", "c++17")]
LANGUAGES += [("clang++-19", "c++17")]
MAIN = """
#include "v2_model.h"
#include "v3_model.h"
#include <stdio.h>

static v2_int8_arena_t v2_int8;
static v2_f16_arena_t v2_f16;
static v3_int8_arena_t v3_int8;
static v3_f16_arena_t v3_f16;
static uint8_t input[V3_INPUT_BYTES];

int main(void)
{
    int8_t q2[V2_OUTPUT_SIZE], q3[V3_OUTPUT_SIZE];
    float f2[V2_OUTPUT_SIZE], f3[V3_OUTPUT_SIZE];

    while (fread(input, 1, sizeof input, stdin) == sizeof input) {
        if (v2_int8_run(&v2_int8, input, q2) != V2_OK
            || v3_int8_run(&v3_int8, input, q3) != V3_OK
            || v2_f16_run(&v2_f16, input, f2) != V2_OK
            || v3_f16_run(&v3_f16, input, f3) != V3_OK) {
            return 1;
        }
        fwrite(q2, sizeof q2, 1, stdout);
        fwrite(q3, sizeof q3, 1, stdout);
        fwrite(f2, sizeof f2, 1, stdout);
        fwrite(f3, sizeof f3, 1, stdout);
    }
    return 0;
}
"""


def strict(compiler: str, dialect: str) -> list[str]:
    """All flags that the generated C is clean under."""
    flags = [*STRICT, f"-std={dialect}", "-O1", "-ffp-contract=off"]
    if dialect != "c99":
        return [*flags, "-x", "c++"]
    return [*flags, *C_ONLY, *(GCC_ONLY if compiler == "gcc" else ())]


def compiled(
    components: Components, folder: Path, compiler: str, dialect: str, main: str
) -> Path:
    """A program of `main` and the C of both networks, all in one dialect."""
    flags = strict(compiler, dialect)
    sources = [folder / "main.c"]
    sources[0].write_text(main)
    for model in MODELS:
        source = components(model, "balanced") / "src"
        flags.append(f"-I{source}")
        sources += source.glob("*.c")
    program = folder / "program"
    done = subprocess.run(
        [compiler, *flags, *map(str, sources), "-o", str(program)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return program


@pytest.mark.parametrize(("compiler", "dialect"), LANGUAGES)
def test_v2_and_v3_run_in_one_program(
    compiler: str,
    dialect: str,
    components: Components,
    networks: Networks,
    images: np.ndarray,
    tmp_path: Path,
) -> None:
    program = compiled(components, tmp_path, compiler, dialect, MAIN)
    chosen = images[::50]
    done = subprocess.run(
        [str(program)], input=chosen.tobytes(), capture_output=True, check=True
    )
    quantized = (chosen.astype(np.int16) - 128).astype(np.int8)
    wanted = []
    for number, image in enumerate(chosen):
        for model in MODELS:
            q = quantized[number : number + 1]
            wanted.append(int8.outputs(networks(model)[0], q).tobytes())
        for model in MODELS:
            wanted.append(float16.outputs(networks(model)[1], image[None]).tobytes())
    assert done.stdout == b"".join(wanted)


WRONG = """
#include "v3_model.h"
#include "v2_model.h"
#include <stdio.h>

static v3_f16_arena_t arena;

int main(void)
{
    static const uint8_t input[V3_INPUT_BYTES] = {0};
    float f[V3_OUTPUT_SIZE] = {7.0f};
    int8_t q[V3_OUTPUT_SIZE] = {7};

    printf("%d ", v3_int8_run(NULL, input, q));
    printf("%d ", v3_int8_run(&arena, NULL, q));
    printf("%d ", v3_int8_run(&arena, input, NULL));
    printf("%d ", v3_int8_run(arena.bytes + 8, input, q));
    printf("%d ", v3_f16_run(NULL, input, f));
    printf("%d ", v3_f16_run(arena.bytes + 4, input, f));
    printf("%d ", q[0] == 7 && f[0] == 7.0f);
    printf("%d\\n", v3_f16_run(&arena, input, f));
    return 0;
}
"""


def test_a_null_or_misaligned_argument_is_a_status(
    components: Components, tmp_path: Path
) -> None:
    program = compiled(components, tmp_path, "gcc", "c99", WRONG)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    assert done.stdout == "1 1 1 2 1 2 1 0\n"


def test_no_two_networks_share_a_symbol(components: Components, tmp_path: Path) -> None:
    """All that a component exports begins with its name."""
    for model in MODELS:
        source = components(model, "balanced") / "src"
        for path in source.glob("*.c"):
            if "_lx6_" in path.name:  # nothing of it is compiled here
                continue
            target = tmp_path / "a.o"
            command = ["gcc", "-c", "-O1", str(path), "-o", str(target)]
            subprocess.run(command, check=True)
            told = subprocess.run(
                ["nm", "-g", "--defined-only", str(target)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            names = [line.split()[-1] for line in told.splitlines()]
            assert names and all(name.startswith(f"{model}_") for name in names)
        ours = [p.name for p in source.iterdir() if not p.name.startswith("nn_")]
        assert all(name.startswith(f"{model}_") for name in ours)
        header = (source / f"{model}_model.h").read_text()
        defined = [x.split()[1] for x in header.splitlines() if x.startswith("#define")]
        assert all(name.startswith(f"{model.upper()}_") for name in defined)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], list[Path]]:
    """`drawn(True)` are components with a float16 engine; not to be changed."""

    @cache
    def make(half: bool) -> list[Path]:
        folders = [tmp_path_factory.mktemp("drawn") for _ in range(6)]
        for seed, folder in enumerate(folders):
            profile = ("speed", "size")[seed % 2]
            if half:
                f16 = random_f16(seed)
                generate(twin(f16), f16, folder, profile, "net", IDENTITY)
            else:
                network = integer_core(read_tflite(random_network(seed), "net"))
                generate(network, None, folder, profile, "net", IDENTITY)
        return folders

    return make


@pytest.mark.parametrize(("compiler", "dialect"), LANGUAGES)
@pytest.mark.parametrize("defines", [(), ("-DNN_SOFT_FLOAT=1",)])
def test_every_kernel_is_clean_under_all_flags(
    defines: tuple[str, ...],
    compiler: str,
    dialect: str,
    drawn: Callable[[bool], list[Path]],
) -> None:
    """Random networks of every operator, in two profiles."""
    for seed, folder in enumerate(drawn(bool(defines))):
        for source in (folder / "src").glob("*.c"):
            done = subprocess.run(
                [compiler, *strict(compiler, dialect), *defines, "-fsyntax-only"]
                + [str(source)],
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, f"seed {seed}: {done.stderr}"
