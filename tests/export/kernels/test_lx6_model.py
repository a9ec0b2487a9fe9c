"""The C model of each LX6 instruction: its edges, and QEMU's core on random states."""

import ctypes
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.native import TRAP, kernels
from tools.bench import build, count

MODEL = "-DNN_LX6_MODEL"
EDGES = (0, 1, -1, 2, 0x7FFF, -0x8000, 0x8000, 0xFFFF, 2**31 - 1, -(2**31))
ROUNDS = 400  # random states an instruction
THREE = (
    *("ADD", "ADDX2", "ADDX4", "ADDX8", "SUB", "SUBX2", "SUBX4", "SUBX8"),
    *("AND", "OR", "MULL", "MULSH", "MAX", "MIN"),
)
HALVES = ("ll", "lh", "hl", "hh")
IMMEDIATE = {  # of d = f(a)
    "ADDI": [(n,) for n in (-128, -1, 1, 127)],
    "SLLI": [(n,) for n in (1, 8, 16, 31)],
    "SRAI": [(n,) for n in (0, 1, 15, 31)],
    "EXTUI": [(0, 8), (8, 8), (16, 16), (31, 1)],
    "CLAMPS": [(n,) for n in (7, 8, 15, 22)],
}


def signed(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def half(value: int, which: str) -> int:
    part = value >> 16 if which == "h" else value
    return (part + 2**15) % 2**16 - 2**15


def two(name: str, operation: str) -> str:
    """A function of a and b that runs one instruction."""
    return f"""
uint32_t {name}(uint32_t x, uint32_t y);
uint32_t {name}(uint32_t x, uint32_t y)
{{
    uintptr_t d = x, a = x, b = y;

    LX_BLOCK({operation}, (LX_INOUT(d), LX_INOUT(a)), (LX_IN(b)));
    (void)a;
    (void)b;
    return (uint32_t)d;
}}
"""


def scalar() -> dict[str, str]:
    """Functions of a and b by name."""
    found = {name.lower(): f"LX_{name}(d, a, b)" for name in THREE}
    found["movltz"] = "LX_MOVLTZ(d, b, a)"
    found["mov"] = "LX_MOV(d, b)"
    for name, lists in IMMEDIATE.items():
        for k, numbers in enumerate(lists):
            found[f"{name.lower()}_{k}"] = (
                f"LX_{name}(d, a, {', '.join(map(str, numbers))})"
            )
    for h in HALVES:
        found[f"mul_aa_{h}"] = f"LX_MUL_AA({h}, a, b) LX_RSR_ACCLO(d)"
        found[f"mula_aa_{h}"] = (
            f"LX_MUL_AA(hh, b, b) LX_MULA_AA({h}, a, b) LX_RSR_ACCLO(d)"
        )
    found["wsr"] = "LX_WSR_ACCLO(a) LX_MULA_AA(lh, a, b) LX_RSR_ACCLO(d)"
    found["loop"] = "LX_EXTUI(a, a, 0, 4) LX_ADDI(a, a, 1) LX_LOOP(turns, a, "
    found["loop"] += "LX_ADDX2(d, d, b) LX_ADDI(d, d, 1))"
    found["repeat"] = "LX_EXTUI(a, a, 0, 4) LX_ADDI(a, a, 1) LX_REPEAT(turns, a, "
    found["repeat"] += "LX_ADDX2(d, d, b) LX_ADDI(a, a, -1))"
    return found


def memory() -> dict[str, str]:
    """Blocks over a pointer p to words, by name; d is what they give."""
    found = {
        "l32i": "LX_L32I(d, p, 8)",
        "l16si": "LX_L16SI(d, p, 6)",
        "l8ui": "LX_L8UI(d, p, 3)",
        "s32i": "LX_L32I(d, p, 0) LX_S32I(d, p, 4) LX_L32I(d, p, 4)",
        "s8i": "LX_L32I(d, p, 0) LX_S8I(d, p, 6) LX_L32I(d, p, 4)",
        "at": "LX_L32I(d, p, 0) LX_EXTUI(d, d, 0, 2) LX_ADDX4(d, d, z) "
        "LX_AT_ADD(p, p, d) LX_AT_ADDI(p, p, 4) LX_AT_ADDMI(p, p, 256) "
        "LX_AT_ADDMI(p, p, -256) LX_L32I(d, p, 0)",
    }
    start = "LX_LDINC(m0, p) LX_LDINC(m1, p) LX_LDINC(m2, p) LX_LDINC(m3, p) "
    end = " LX_RSR_ACCLO(d)"
    mixed = " LX_MULA_DD(ll, m0, m2) LX_MULA_DD(hh, m1, m3) LX_MULA_DD(lh, m0, m3)"
    for h, x, y in itertools.product(HALVES, ("m0", "m1"), ("m2", "m3")):
        found[f"mul_dd_{h}_{x}_{y}"] = f"{start}LX_MUL_DD({h}, {x}, {y}){end}"
        for m in ("m0", "m1", "m2", "m3"):  # also one that the product reads
            found[f"mula_dd_ldinc_{h}_{m}_{x}_{y}"] = (
                f"{start}LX_MUL_DD(ll, m0, m2) "
                f"LX_MULA_DD_LDINC({h}, {m}, p, {x}, {y}){mixed}{end}"
            )
    load = "LX_L32I(d, p, 4) "
    for h, x in itertools.product(HALVES, ("m0", "m1")):
        found[f"mul_da_{h}_{x}"] = f"{start}{load}LX_MUL_DA({h}, {x}, d){end}"
        found[f"mula_da_{h}_{x}"] = (
            f"{start}{load}LX_MUL_DD(hh, m0, m2) LX_MULA_DA({h}, {x}, d){end}"
        )
        for m in ("m0", "m1", "m2", "m3"):
            found[f"mula_da_ldinc_{h}_{m}_{x}"] = (
                f"{start}{load}LX_MUL_DD(hh, m0, m2) "
                f"LX_MULA_DA_LDINC({h}, {m}, p, {x}, d){mixed}{end}"
            )
    for h, y in itertools.product(HALVES, ("m2", "m3")):
        found[f"mul_ad_{h}_{y}"] = f"{start}{load}LX_MUL_AD({h}, d, {y}){end}"
        found[f"mula_ad_{h}_{y}"] = (
            f"{start}{load}LX_MUL_DD(hh, m0, m2) LX_MULA_AD({h}, d, {y}){end}"
        )
    return found


def pointer(name: str, operation: str) -> str:
    """A function of 16 words that runs a block over them."""
    return f"""
uint32_t {name}(uint32_t *words);
uint32_t {name}(uint32_t *words)
{{
    uintptr_t p = (uintptr_t)(words + 1), d = 0;
    const uintptr_t z = 0;

    LX_BLOCK({operation}, (LX_INOUT(p), LX_INOUT(d)), (LX_IN(z)));
    (void)z;
    return (uint32_t)d + (uint32_t)(p - (uintptr_t)words);
}}
"""


DRAW = f"""
static const uint32_t edges[] = {{{", ".join(f"(uint32_t)({e}ll)" for e in EDGES)}}};
static uint32_t state = 1u;

static uint32_t draw(void)
{{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    if ((state & 3u) == 0) {{
        return edges[(state >> 2) % {len(EDGES)}u];
    }}
    return state;
}}
"""
ALL = """
void all(uint32_t *hashes);
void all(uint32_t *hashes)
{
    uint32_t words[300];

    for (int32_t i = 0; i < 300; ++i) {
        words[i] = draw();
    }
"""


def source() -> str:
    """Every instruction as a function, and `all`: a hash of each on random states."""
    text = '#include "nn_lx6.h"\n'
    text += "".join(two(name, code) for name, code in scalar().items())
    text += "".join(pointer(name, code) for name, code in memory().items())
    text += DRAW + ALL
    for name in scalar():
        text += f"""
    *hashes = 0;
    for (int32_t i = 0; i < {ROUNDS}; ++i) {{
        const uint32_t a = draw(), b = draw();
        *hashes = *hashes * 31u + {name}(a, b);
    }}
    ++hashes;
"""
    for name in memory():
        text += f"""
    *hashes = 0;
    for (int32_t i = 0; i < {ROUNDS // 8}; ++i) {{
        for (int32_t k = 0; k < 16; ++k) {{
            words[k] = draw();
        }}
        *hashes = *hashes * 31u + {name}(words);
    }}
    ++hashes;
"""
    return text + "}\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("lx6")
    return kernels(folder, source(), MODEL, "-O0", *TRAP)


def call(library: ctypes.CDLL, name: str, a: int, b: int) -> int:
    function = getattr(library, name)
    return signed(function(ctypes.c_uint32(a), ctypes.c_uint32(b)))


PAIRS = list(itertools.product(EDGES, EDGES))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("add", lambda a, b: a + b),
        ("addx4", lambda a, b: 4 * a + b),
        ("addx8", lambda a, b: 8 * a + b),
        ("subx2", lambda a, b: 2 * a - b),
        ("subx8", lambda a, b: 8 * a - b),
        ("mull", lambda a, b: a * b),
        ("mulsh", lambda a, b: signed(a) * signed(b) >> 32),
        ("max", lambda a, b: max(signed(a), signed(b))),
        ("min", lambda a, b: min(signed(a), signed(b))),
        ("movltz", lambda a, b: b if signed(a) < 0 else a),
        ("clamps_0", lambda a, b: min(max(signed(a), -128), 127)),
        ("clamps_3", lambda a, b: min(max(signed(a), -(2**22)), 2**22 - 1)),
        ("srai_3", lambda a, b: signed(a) >> 31),
        ("extui_3", lambda a, b: a >> 31 & 1),
        ("addi_0", lambda a, b: a - 128),
        ("mul_aa_lh", lambda a, b: half(a, "l") * half(b, "h")),
        (
            "mula_aa_hl",
            lambda a, b: half(b, "h") ** 2 + half(a, "h") * half(b, "l"),
        ),
        ("wsr", lambda a, b: a + half(a, "l") * half(b, "h")),
    ],
)
def test_the_model_has_the_documented_edges(library, name, expected) -> None:
    for a, b in PAIRS:
        assert call(library, name, a, b) == signed(expected(a, b)), (name, a, b)


def test_a_reload_does_not_reach_the_product_before_it(library: ctypes.CDLL) -> None:
    words = np.zeros(16, np.uint32)
    words[2:7] = [3, 5, 7, 11, 13]  # m0 to m3 (p stands on word 1), then the reload
    name = "mula_dd_ldinc_ll_m0_m0_m2"
    found = getattr(library, name)(ctypes.c_void_p(words.ctypes.data))
    # 3 * 7, + 3 * 7 with the reload of m0, then with m0 = 13
    low = 3 * 7 + 3 * 7 + 13 * 7
    assert found == low + 4 * 6


def test_an_unaligned_word_traps(tmp_path: Path) -> None:
    kernels(tmp_path, source(), MODEL, "-O0")
    code = (
        "import ctypes; l = ctypes.CDLL('./test.so'); "
        "b = ctypes.create_string_buffer(80); "
        "l.l32i(ctypes.c_void_p(ctypes.addressof(b) // 4 * 4 + 6))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path)
    assert done.returncode < 0


@pytest.mark.emulator
def test_the_model_equals_qemu_on_random_states(
    library: ctypes.CDLL, tmp_path: Path
) -> None:
    names = [*scalar(), *memory()]
    expected = np.zeros(len(names), np.uint32)
    library.all(ctypes.c_void_p(expected.ctypes.data))
    path = tmp_path / "all.c"
    path.write_text(source())
    program = build.Program(
        "lx6 instructions",
        (path,),
        (build.ROOT / "firmware" / "components" / "nn",),
        "void all(uint32_t *hashes);\n"
        "void bench_prepare(const uint8_t *image) { (void)image; }\n"
        "void bench_run(void *output, bench_hook_t hook)\n"
        "{ (void)hook; all(output); }\n",
        4 * len(names),
    )
    images = np.zeros((1, program.image_bytes), np.uint8)
    built = build.build(program, "lx6", ["-std=c99", "-O1"], images, tmp_path / "c")
    found = count.count(built, images).outputs.view(np.uint32).reshape(-1)
    wrong = [n for n, a, b in zip(names, expected, found, strict=True) if a != b]
    assert not wrong
