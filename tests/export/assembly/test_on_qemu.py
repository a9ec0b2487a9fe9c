"""The translator beside QEMU: instructions that both run, on many states."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from core.paths import ROOT
from export.assembly import translate, xtensa
from export.emit.host_build import compile_c
from tools.bench import build, count

MODELS = Path(translate.__file__).parent
ROUNDS = 300  # states an instruction
ELSEWHERE = {"entry", "retw.n", "muluh"}  # a frame of the other ABI; not of that core
BEFORE = {  # what an instruction needs in front of it
    **{name: ["ssai 7"] for name in ("src", "srl", "sra", "sll")},
    "loop": ["extui a9,a9,0,4", "addi a9,a9,1"],
    "loopnez": ["extui a9,a9,0,3"],
    "loopgtz": ["srai a9,a9,28"],
}
AFTER = {"ssai": "src", "ssr": "src", "ssl": "src"}
DRIVER = """
#include <stdint.h>

typedef void function_t(const void *, const void *, const void *, const void *,
                        const void *);
{declared}
static function_t *const FUNCTIONS[] = {{{names}}};
static const uint32_t EDGES[] = {{0, 1, 2, 31, 32, 127, 128, 0x7FFFu, 0x8000u,
                                0xFFFFu, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu}};

static uint32_t next(uint32_t *state)
{{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 30 ? *state ^ *state >> 11 : EDGES[(*state >> 8) % 13];
}}

void all(uint32_t *hashes);
void all(uint32_t *hashes)
{{
    for (uint32_t k = 0; k < {count}; ++k) {{
        uint32_t state = 7 * k + 1, hash = 2166136261u;

        for (uint32_t round = 0; round < {rounds}; ++round) {{
            uint32_t in[4], out[4];

            for (uint32_t i = 0; i < 4; ++i) {{
                in[i] = next(&state);
                out[i] = next(&state);
            }}
            FUNCTIONS[k](in, out, 0, 0, 0);
            for (uint32_t i = 0; i < 4; ++i) {{
                hash = (hash ^ out[i]) * 16777619u;
            }}
        }}
        hashes[k] = hash;
    }}
}}
"""


def variants(mnemonic: str) -> list[list[str]]:
    """Bodies that leave what the instruction does in a10 or in memory."""
    operation = xtensa.BASE[mnemonic]
    kinds = operation.operands.split()
    numbers: list[tuple[int, ...]] = [()]
    for kind in kinds:
        if kind.startswith("i"):
            low, high, step = (*map(int, kind.split(":")[1:]), 1)[:3]
            if mnemonic[0] in "ls" and "b" in kinds:
                high = 12  # four words of memory
            found = {low, low + step, low + (high - low) // step // 2 * step, high}
            numbers = [(*n, x) for n in numbers for x in sorted(found)]
        elif kind == "n":
            numbers = [(x,) for x in (-2048, -1, 0, 2047)]
    if mnemonic == "extui":  # as far as the word reaches
        numbers = [n for n in numbers if sum(n) <= 32]
    return [_body(mnemonic, kinds, list(n)) for n in numbers]


def _body(mnemonic: str, kinds: list[str], numbers: list[int]) -> list[str]:
    store = mnemonic in ("s8i", "s16i", "s32i")
    writes = "l" not in kinds and not store and mnemonic not in AFTER
    registers = iter(("a10", "a8", "a9") if writes else ("a8", "a9"))
    if mnemonic in xtensa.FLOW and "loop" in mnemonic:
        registers = iter(("a9",))
    names = {"b": "a3" if store else "a2", "l": "there"}
    operands = [
        names[kind]
        if kind in names
        else next(registers)
        if kind == "a"
        else str(numbers.pop(0))
        for kind in kinds
    ]
    lines = [*BEFORE.get(mnemonic, []), f"{mnemonic} {','.join(operands)}".strip()]
    if mnemonic in AFTER:
        lines.append(f"{AFTER[mnemonic]} a10,a8,a9")
    if "l" in kinds:
        lines += ["addx2 a10,a10,a8", "there:"]
    return lines


def text(bodies: list[list[str]], windowed: bool) -> str:
    """A function each; where not windowed, by the calling convention of call0."""
    lines: list[str] = []
    for k, body in enumerate(bodies):
        own = [line.replace("there", f".There{k}") for line in body]
        lines += [] if windowed else [".p2align 2"]
        lines += [f".global t{k}", f"t{k}:"]
        lines += ["entry a1,48"] if windowed else []
        lines += [f"l32i a{8 + i},a2,{4 * i}" for i in range(3)]
        lines += [*own, "s32i a10,a3,0", "retw.n" if windowed else "ret.n"]
    return "\n".join(lines) + "\n"


def calling(count: int) -> str:
    """C that calls so many functions, t0 and on."""
    names = [f"t{k}" for k in range(count)]
    return DRIVER.format(
        declared="\n".join(f"function_t {name};" for name in names),
        names=", ".join(names),
        count=count,
        rounds=ROUNDS,
    )


@pytest.mark.emulator
def test_every_instruction_does_the_same_on_an_emulated_core(tmp_path: Path) -> None:
    chosen = [name for name in xtensa.BASE if name not in ELSEWHERE]
    bodies = [body for name in chosen for body in variants(name)]
    total = len(bodies)
    driver = tmp_path / "driver.c"
    driver.write_text(calling(total))
    kernels = tmp_path / "kernels.c"
    kernels.write_text(
        translate.translate(text(bodies, True), xtensa.XTENSA)
        + "uint64_t xt_instructions;\n"
    )
    library = tmp_path / "all.so"
    compile_c([driver, kernels], [MODELS], library, "-shared", "-fPIC", "-O1")
    wanted = np.zeros(total, np.uint32)
    ctypes.CDLL(str(library)).all(ctypes.c_void_p(wanted.ctypes.data))
    assembly = tmp_path / "kernels.s"
    assembly.write_text(".text\n" + text(bodies, False))
    program = build.Program(
        "instructions",
        (driver, assembly),
        (ROOT / "firmware" / "components" / "nn",),
        "void all(uint32_t *hashes);\n"
        "void bench_prepare(const uint8_t *image) { (void)image; }\n"
        "void bench_run(void *output, bench_hook_t hook)\n"
        "{ (void)hook; all(output); }\n",
        4 * total,
    )
    images = np.zeros((1, program.image_bytes), np.uint8)
    built = build.build(program, "lx6", ["-std=c99", "-O1"], images, tmp_path / "c")
    found = count.count(built, images).outputs.view(np.uint32).reshape(-1)
    wrong = [bodies[k] for k in range(total) if found[k] != wanted[k]]
    assert not wrong
    assert len(set(wanted.tolist())) > total // 2  # they do something
