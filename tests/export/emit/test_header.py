"""What a component's header gives beside the network itself."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from export.compile import compile_model
from export.emit import host_build
from export.frontend.canonical.ends import quantized, real
from export.frontend.support import core_of
from export.graph.read import read_tflite
from export.reference import tflm
from tests.support.canonical import B


@pytest.mark.parametrize("scale", [0.037, 1.0, 2.0**-20])
def test_the_headers_helpers_round_as_tflite_does(tmp_path: Path, scale: float) -> None:
    b = B()
    start, end = b.tensor((1, 8), scale, 3), b.tensor((1, 8), 2 * scale, -9)
    b.operator("RELU", [start], end)
    model = b.build([start], [end])
    compile_model(model, "net", "net", tmp_path / "c", "size")
    source, target = tmp_path / "t.c", tmp_path / "t.so"
    source.write_text(
        '#include "net_model.h"\n'
        "uint8_t in(float x); float out(int8_t q);\n"
        "uint8_t in(float x) { return net_input_of(x); }\n"
        "float out(int8_t q) { return net_output_as_real(q); }\n"
    )
    host_build.compile_c([source], [tmp_path / "c/src"], target, "-shared", "-fPIC")
    library = ctypes.CDLL(str(target))
    library.out.restype, library.out.argtypes = ctypes.c_float, [ctypes.c_int8]
    library.out.restype = ctypes.c_float
    getattr(library, "in").argtypes = [ctypes.c_float]
    getattr(library, "in").restype = ctypes.c_uint8
    values = np.linspace(-20, 20, 4001).astype(np.float32)
    halves = (np.arange(-9, 9) + 0.5).astype(np.float32) * np.float32(scale)
    beside = [np.nextafter(halves, np.float32(s * 99)) for s in (-1, 1)]
    far = np.float32([1e30, -1e30, np.inf, -np.inf])
    values = np.concatenate([values, halves, *beside, far])
    _, ends = core_of(read_tflite(model, "net"))
    q = quantized(ends.inputs[0], values)
    near = values[: -len(far)]  # beyond, TFLite's own cast is undefined
    if tflm.available():
        b = B()
        start = b.tensor((1, len(near)), dtype="float32")
        end = b.tensor((1, len(near)), scale, 3)
        b.operator("QUANTIZE", [start], end)
        oracle = tflm.sequence(b.build([start], [end]), [near[None]], 1)
        np.testing.assert_array_equal(q[: len(near)], oracle[0][0])
    expected = q.astype(np.int16) + 128
    assert [getattr(library, "in")(float(v)) for v in values] == expected.tolist()
    steps = np.arange(-128, 128).astype(np.int8)
    found = np.array([library.out(int(q)) for q in steps], np.float32)
    assert np.array_equal(found, real(ends.outputs[0], steps))
