"""float16 by the LX6's FPU: the reference's bits, on the models and on a core."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from core.words import MODELS
from export.emit import lower
from export.emit.generate import flags, load_plan
from export.kernels import registry
from export.kernels.lx6.float16 import Lx6Conv
from export.reference import float16
from tests.support.components import Components, Networks
from tests.support.native import Native, kernels, same_bits
from tools.bench import build, count, models

MOST = 2.2  # instructions an effective MAC
NEAR = 0.06  # what the counted cost and the emulator may differ by
SOURCE = """
#include "nn_lx6_fpu.h"

void steps(const float *in, float *out);
void steps(const float *in, float *out)
{
    uintptr_t p = (uintptr_t)in, q = (uintptr_t)out, t;

    LX_FPU_BLOCK(
        LX_LSI(f0, p, 0) LX_LSI(f1, p, 4) LX_LSI(f2, p, 8)
        LX_MOVF(f3, f0) LX_MADD(f3, f1, f2) LX_SSI(f3, q, 0)
        LX_MULF(f3, f1, f2) LX_ADDF(f3, f3, f0) LX_SSI(f3, q, 4)
        LX_ABS(f3, f0) LX_SSI(f3, q, 8)
        LX_OLT(f0, f1) LX_MOVF(f3, f0) LX_MOVT(f3, f1) LX_SSI(f3, q, 12)
        LX_RFR(t, f0) LX_WFR(f3, t) LX_SSI(f3, q, 16)
        LX_MOVI(t, 255) LX_FLOAT(f3, t) LX_SSI(f3, q, 20),
        (LX_INOUT(p), LX_INOUT(q), LX_OUT(t)), ());
}
"""
EACH = [
    model if model in ("v2", "v3") else pytest.param(model, marks=pytest.mark.slow)
    for model in MODELS
]


@pytest.mark.parametrize(
    ("values", "fused", "apart", "larger"),
    [
        ((1.0, 2.0, 3.0), 7.0, 7.0, 2.0),
        # The product needs 48 bits: only what rounds once keeps the last of them.
        ((-1.0, 1 + 2.0**-12, 1 + 2.0**-12), 2.0**-11 + 2.0**-24, 2.0**-11, 1 + 2**-12),
        ((-0.0, 0.0, 1.0), 0.0, 0.0, -0.0),  # equal: the first one stays
        ((3.0, float("nan"), 1.0), float("nan"), float("nan"), 3.0),
    ],
)
def test_the_model_has_the_documented_edges(
    values: tuple[float, float, float],
    fused: float,
    apart: float,
    larger: float,
    tmp_path: Path,
) -> None:
    library = kernels(tmp_path, SOURCE, "-DNN_LX6_MODEL")
    given, out = np.array(values, np.float32), np.zeros(6, np.float32)
    at = [ctypes.c_void_p(x.ctypes.data) for x in (given, out)]
    library.steps(*at)
    wanted = [fused, apart, abs(values[0]), larger, values[0], 255.0]
    np.testing.assert_array_equal(out, np.array(wanted, np.float32))
    assert np.signbit(out[4]) == np.signbit(given[0])


@pytest.mark.parametrize("model", EACH)
def test_a_model_gives_the_references_bits(
    model: str,
    components: Components,
    networks: Networks,
    images: np.ndarray,
    tmp_path: Path,
) -> None:
    options = ("-DNN_LX6_MODEL", "-O1")
    native = Native(components(model, "speed"), tmp_path, options=options)
    images = images[[*range(20), *range(-12, 0)]]  # digits, noise and the extremes
    expected = float16.outputs(networks(model)[1], images)
    assert same_bits(native.run("f16", images), expected)
    assert native.touched("f16", images[-1]) <= native.plan.f16_arena_bytes


@pytest.mark.emulator
@pytest.mark.parametrize("model", EACH)
def test_the_emulated_core_gives_the_bits_within_the_budget(
    model: str,
    components: Components,
    networks: Networks,
    images: np.ndarray,
    tmp_path: Path,
) -> None:
    component, network = components(model, "speed"), networks(model)[1]
    plan = load_plan(component / "plan.json")
    program = models.program(component, plan, "f16")
    chosen = np.ascontiguousarray(images[[0, -3]]).reshape(2, -1)
    built = build.build(program, "lx6fpu", flags("xtensa"), chosen, tmp_path, True)
    counted = count.count(built, chosen, stages=True)
    expected = float16.outputs(network, chosen).reshape(2, -1)
    assert same_bits(counted.outputs.reshape(2, -1).view(np.float32), expected)
    macs = sum(stage.effective_macs for stage in plan.engine("f16"))
    assert counted.instructions <= MOST * macs
    for kernel in lower.f16(network, "speed", "esp8k", registry.LX6).kernels:
        if isinstance(kernel, Lx6Conv) and kernel.count > macs / 50:
            found = counted.per_stage[kernel.stage.number]
            assert kernel.count == pytest.approx(found, rel=NEAR), kernel.name


def test_profiles_that_save_flash_have_portable_c(components: Components) -> None:
    for profile in ("balanced", "size"):
        assert not list((components("v2", profile) / "src").glob("*f16_lx6*"))
