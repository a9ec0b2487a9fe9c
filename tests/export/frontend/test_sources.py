"""Which kind of model a file is, and what is none: one error, with its cure."""

import copy
import os
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from core.errors import Esp8kError
from core.inputs import read_bytes
from export.frontend import c_array, sources
from export.graph.flatbuffer import packed, unpacked
from export.pipeline import Artefacts
from tools.bench.drawn.tflite_builder import TfliteBuilder


def model() -> bytes:
    """A RELU of eight values."""
    builder = TfliteBuilder()
    start, end = builder.tensor((1, 8), 0.1), builder.tensor((1, 8), 0.1)
    builder.operator("RELU", [start], end)
    return builder.build([start], [end])


@pytest.mark.parametrize("name", ["m.tflite", "m.lite", "M.TFLITE", "m.bin", "m"])
def test_a_tflite_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(model())
    taken = sources.load(str(tmp_path / name), sources.Options())
    assert (taken.model, taken.name, taken.notes) == (model(), name, ())


def test_a_tflite_of_several_functions_is_refused(tmp_path: Path) -> None:
    """Each has a signature of its own; the first one is no better than the others."""
    whole = unpacked(model())
    whole.subgraphs.append(copy.deepcopy(whole.subgraphs[0]))
    whole.signatureDefs = []
    for index, name in enumerate((b"encode", b"decode")):
        one = schema.SignatureDefT()
        one.signatureKey, one.subgraphIndex = name, index
        one.inputs, one.outputs = [], []
        whole.signatureDefs.append(one)
    path = tmp_path / "two.tflite"
    path.write_bytes(packed(whole))
    with pytest.raises(Esp8kError, match="several functions: encode, decode") as caught:
        sources.load(str(path), sources.Options())
    assert "signature_keys=['encode']" in caught.value.hint


@pytest.mark.parametrize("kind", ["INT32", "UINT8"])
def test_an_input_of_whole_numbers_is_named(tmp_path: Path, kind: str) -> None:
    """An embedding's index, a CAST behind the input."""
    whole = unpacked(model())
    graph = whole.subgraphs[0]
    for tensor in graph.tensors:
        tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
    graph.tensors[graph.inputs[0]].type = getattr(schema.TensorType, kind)
    path = tmp_path / "whole.tflite"
    path.write_bytes(packed(whole))
    with pytest.raises(Esp8kError, match=f"its input .* is {kind.lower()}"):
        sources.load(str(path), sources.Options(drawn=True))


@pytest.mark.parametrize("form", ["0x{:02x}", "{}", "0X{:02X}u"])
def test_a_c_array_is_its_bytes(tmp_path: Path, form: str) -> None:
    numbers = ", ".join(form.format(byte) for byte in model())
    text = (
        "/* 0x00, 0x01 */ #include <stdint.h>\n// { 1, 2 }\n"
        "static const int other[] = {1, 2, 3};\n"
        f"const uint8_t picture[] = {{ {'0, ' * 9999} }};\n"
        f"alignas(16) const unsigned char g_model[] DATA = {{\n  {numbers},\n}};\n"
        f"const unsigned int g_model_len = {len(model())};\n"
    )
    (tmp_path / "model.cc").write_text(text)
    taken = sources.load(str(tmp_path / "model.cc"), sources.Options())
    assert taken.model == model()


def test_c_without_a_model_is_refused() -> None:
    with pytest.raises(Esp8kError, match="no array of x.h is a .tflite"):
        c_array.read("const int a[] = {1, 2, 3};", "x.h")


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tflite")
    with pytest.raises(Esp8kError, match="not a plain file"):
        sources.load(str(tmp_path / "pipe.tflite"), sources.Options())


def test_a_device_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "zero.tflite").symlink_to("/dev/zero")
    (tmp_path / "folder.onnx").mkdir()
    for name in ("zero.tflite", "folder.onnx"):
        with pytest.raises(Esp8kError, match="not a plain file|directory"):
            sources.load(str(tmp_path / name), sources.Options())


@pytest.mark.parametrize(
    ("name", "match", "cure"),
    [
        (".", "is a folder", ".tflite"),
        ("saved", "is a SavedModel", "from_saved_model"),
        ("net.pt", "no model that can be read alone", "file.py:function"),
        ("net.py", "no model that can be read alone", "file.py:function"),
    ],
)
def test_what_frameworks_save_otherwise_is_named_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, match: str, cure: str
) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    (tmp_path / "net.pt").write_bytes(b"PK")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Esp8kError, match=match) as caught:
        sources.load(name, sources.Options())
    assert caught.value.message.startswith(f"{name} ") and cure in caught.value.hint


def test_a_file_of_terabytes_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Esp8kError, match="at most 1,000 are read"):
        read_bytes(tmp_path / "large", 1000, "a model")


def test_a_name_with_an_escape_sequence_is_shown_harmlessly() -> None:
    with pytest.raises(Esp8kError) as caught:
        sources.load("evil\x1b[2Jname.pdf", sources.Options())
    assert "\x1b" not in caught.value.message


def test_a_file_that_is_not_there_and_an_empty_name_are_told() -> None:
    """The latter was called a folder."""
    with pytest.raises(Esp8kError, match="there is no file model"):
        sources.load("somewhere/model", sources.Options())
    with pytest.raises(Esp8kError, match="an empty name is no model"):
        sources.load("", sources.Options())


@pytest.mark.parametrize("given", [(1, 0), (1, -3), (1, 2**40), (1, 2**70), ()])
def test_an_input_shape_that_is_none_is_refused(given: tuple[int, ...]) -> None:
    """The largest one was a traceback."""
    with pytest.raises(Esp8kError, match="that is no shape"):
        sources.load("model.onnx", sources.Options(input_shape=given))


def test_a_float_onnx_is_quantized_on_the_way(
    artefacts: Artefacts, calibration: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "float.onnx"
    path.write_bytes(artefacts.files["model_fp32.onnx"])
    np.savez(tmp_path / "inputs.npz", calibration)
    options = sources.Options(calibration=tmp_path / "inputs.npz")
    taken = sources.load(str(path), options)
    assert taken.model == artefacts.files["model_int8.tflite"]
    (cost,) = taken.costs
    assert cost.agreement is not None and cost.agreement > 0.98


def test_a_float_model_without_inputs_asks_for_them(tmp_path: Path) -> None:
    builder = TfliteBuilder()
    start = builder.tensor((1, 8), dtype="float32")
    end = builder.tensor((1, 8), dtype="float32")
    builder.operator("RELU", [start], end)
    path = tmp_path / "float.tflite"
    path.write_bytes(builder.build([start], [end]))
    with pytest.raises(Esp8kError, match="float model") as caught:
        sources.load(str(path), sources.Options())
    assert "--calibration" in caught.value.hint


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(Esp8kError, match="no model that is known"):
        sources.load(str(tmp_path / "model.pdf"), sources.Options())
