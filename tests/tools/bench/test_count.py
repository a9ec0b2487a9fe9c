"""Instructions and bytes are counted of the model alone; what fails is no figure."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import CheckFailed
from tools.bench import build, link_map
from tools.bench import count as bench_count
from tools.bench.build import Program
from tools.bench.targets import TARGETS

MAP = """Discarded input sections

 .text.unused   0x0000000000000000       0x40 /b/model_0.o

Linker script and memory map

 .text.layer    0x0000000040000400       0x30 /b/model_0.o
 .text.a_function_with_a_long_name
                0x0000000040000430       0x10 /b/model_1.o
 .literal       0x0000000040000440        0x8 /b/model_0.o
 .text.bench_run
                0x0000000040000448      0x100 /b/adapter.o
 .text.__muldi3 0x0000000040000548       0x20 /lib/libgcc.a(_muldi3.o)
 .rodata.weights
                0x000000003ff80000       0x64 /b/model_0.o
 .rodata        0x000000003ff80064      0x400 /b/harness.o
 .bss.arena     0x000000003ff80470       0xa0 /b/adapter.o
 .bss.scratch   0x000000003ff80510        0x4 /b/model_0.o
"""


LOOP = """
void bench_prepare(const uint8_t *image) { bench_input[0] = image[0]; }
void bench_run(void *output, bench_hook_t hook)
{
    volatile uint32_t left = LOOPS;
    while (left != 0u)
        left = left - 1u;
    if (hook)
        hook(0, 3u, output, 1u);
    *(uint8_t *)output = (uint8_t)(bench_input[0] + 1u);
}
"""


def loop(count: int) -> Program:
    return Program("loop", (), (), LOOP, 1, (f"LOOPS={count}u",))


def test_only_what_the_linker_kept_of_the_model_counts() -> None:
    kept = link_map.sections(MAP)
    code, const, ram, helpers = link_map.shares(kept)
    assert (code, const, ram, helpers) == (0x48, 0x64, 0xA4, 0x20)


@pytest.mark.emulator
@pytest.mark.parametrize("target", ["lx106", "rv32imc", "host"])
def test_counts_are_linear_in_the_work(target: str, tmp_path: Path) -> None:
    images = np.arange(2 * 784, dtype=np.uint8).reshape(2, 784)
    counts = []
    for times in (1_000, 2_000, 3_000):
        built = build.build(loop(times), target, ["-O2"], images, tmp_path, True)
        counted = bench_count.count(built, images, stages=True)
        assert counted.outputs.tolist() == [[1], [17]]  # 784 % 256 + 1
        counts.append(counted.instructions)
        # The one stage takes what the whole takes, but for its call.
        assert abs(counted.per_stage[3] - counted.instructions) < 20
    assert abs((counts[2] - counts[1]) - (counts[1] - counts[0])) <= 1
    assert counts[1] - counts[0] >= 3_000


@pytest.mark.emulator
def test_a_program_that_crashes_is_an_error_not_a_figure(tmp_path: Path) -> None:
    trap = "void bench_prepare(const uint8_t *image) { (void)image; }\n"
    trap += "void bench_run(void *o, bench_hook_t h)"
    trap += "{ (void)o; (void)h; __builtin_trap(); }"
    program = Program("trap", (), (), trap, 1)
    images = np.zeros((1, 784), np.uint8)
    for target in ("lx106", "rv32imc"):
        built = build.build(program, target, ["-O2"], images, tmp_path)
        with pytest.raises(CheckFailed):
            bench_count.count(built, images)


def test_code_that_does_not_compile_names_the_compiler(tmp_path: Path) -> None:
    program = Program("bad", (), (), "int x = ;\n", 1)
    with pytest.raises(CheckFailed, match="gcc.*error"):
        build.build(program, "host", [], np.zeros((1, 784), np.uint8), tmp_path)


def test_what_does_not_link_names_the_linkers_own_line(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("void gone(void);\nint main(void)\n{ gone(); }\n")
    command = ["gcc", str(tmp_path / "a.c"), "-o", str(tmp_path / "a")]
    with pytest.raises(CheckFailed, match="undefined reference to `gone'"):
        build.run_tool(command, TARGETS["host"])
    (tmp_path / "b.o").write_bytes(b"\x7fELF cut short")
    with pytest.raises(CheckFailed, match="b.o: file (not|truncated)"):
        build.run_tool(["gcc", str(tmp_path / "b.o")], TARGETS["host"])
