"""What comes in: files of several kinds, and no end of wrong ones."""

import copy
import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from core.errors import Esp8kError
from core.inputs import read_bytes
from export.frontend import c_array, calibration, cures, sources
from export.frontend.onnx import files as onnx_files
from export.frontend.taken import Wanted
from export.graph.flatbuffer import packed, unpacked
from tools.bench.drawn.tflite_builder import TfliteBuilder

SHAPE = (1, 4, 6, 1)


def model() -> bytes:
    """A RELU of eight values."""
    builder = TfliteBuilder()
    start, end = builder.tensor((1, 8), 0.1), builder.tensor((1, 8), 0.1)
    builder.operator("RELU", [start], end)
    return builder.build([start], [end])


def refused(path: Path, match: str) -> Esp8kError:
    """The one error of a calibration file."""
    with pytest.raises(Esp8kError, match=match) as caught:
        calibration.read(path, SHAPE)
    assert caught.value.hint
    return caught.value


# ==== Models ====


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


# ==== Calibration data ====


def test_arrays_are_taken_in_usual_shapes(tmp_path: Path) -> None:
    data = np.random.default_rng(0).random((5, 4, 6)).astype(np.float32)
    np.save(tmp_path / "a.npy", data)
    np.save(tmp_path / "b.npy", data.reshape(5, 24))
    np.savez(tmp_path / "c.npz", data.reshape(5, 4, 6, 1))
    np.save(tmp_path / "d.npy", np.asfortranarray(data))
    for name in ("a.npy", "b.npy", "c.npz", "d.npy"):
        found = calibration.read(tmp_path / name, SHAPE)
        assert np.array_equal(found[..., 0], data), name


def test_csv_files_are_taken(tmp_path: Path) -> None:
    rows = np.arange(48).reshape(2, 24)
    text = "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "a.csv").write_text("title,of,it\n" + text + "\n\n")
    found = calibration.read(tmp_path / "a.csv", SHAPE)
    assert np.array_equal(found.reshape(2, 24), rows)
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, row in enumerate(rows):  # a series: one sample a line
        lines = ("; ".join(map(str, line)) for line in row.reshape(4, 6))
        (folder / f"{number}.csv").write_text("\n".join(lines))
    assert np.array_equal(calibration.read(folder, SHAPE).reshape(2, 24), rows)


def test_a_folder_of_images_is_taken(tmp_path: Path) -> None:
    for number in range(3):
        pixels = np.full((8, 12, 3), 40 * (number + 1), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    found = calibration.read(tmp_path, SHAPE)
    assert found.shape == (3, 4, 6, 1)
    assert np.allclose(found[:, 0, 0, 0], np.array([40, 80, 120]) / 255, atol=0.01)


def test_a_photo_of_calibration_is_upright_as_any_other(tmp_path: Path) -> None:
    """There was a second loader of pictures here, which turned none."""
    pixels = np.zeros((8, 12, 3), np.uint8)
    pixels[:4] = 200
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    (read,) = calibration.read(tmp_path, (1, 8, 12, 3))
    assert read[:4].max() == 0 and np.allclose(read[4:], 200 / 255)
    (tmp_path / "b.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0")
    with pytest.raises(Esp8kError, match=r"b\.png is not a picture"):
        calibration.read(tmp_path, (1, 8, 12, 3))


def test_another_order_of_axes_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.rand(5, 6, 4, 1))
    error = refused(tmp_path / "a.npy", "another order")
    assert "transpose(inputs, (0, 2, 1, 3))" in error.hint


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.zeros((5, 4, 6, 1)), "all values of .* are 0"),
        (np.full((5, 4, 6, 1), np.nan), "120 values that are NaN"),
        (np.random.rand(5, 7), "has the shape"),
        (np.zeros((0, 4, 6, 1)), "holds no inputs"),
        (np.array([["a", "b"]]), "not numbers"),
    ],
)
def test_bad_calibration_is_named(
    tmp_path: Path, values: np.ndarray, match: str
) -> None:
    np.save(tmp_path / "bad.npy", values)
    refused(tmp_path / "bad.npy", match)


def test_ragged_lines_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2,3\n1,2\n")
    refused(tmp_path / "a.csv", "ragged: its lines have 2 to 3 numbers")


def huge_header(size: int) -> bytes:
    """An .npy that claims many elements and holds none."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({size},), }}"
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def test_a_header_of_40_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(huge_header(5 * 10**9))
    refused(tmp_path / "a.npy", "its header says")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("arr_0.npy", huge_header(5 * 10**9))
    refused(tmp_path / "a.npz", "its header says")


@pytest.mark.parametrize("raw", [b"", b"junk" * 50, b"PK\x03\x04" + bytes(40)])
@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.csv"])
def test_junk_is_refused(tmp_path: Path, raw: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(raw)
    refused(tmp_path / name, "a.n|a.csv")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    whole = io.BytesIO()
    np.savez_compressed(whole, np.random.rand(5, 4, 6, 1))
    rng = np.random.default_rng(0)
    for _ in range(60):
        raw = bytearray(whole.getvalue())
        for place in rng.integers(0, len(raw), 3):
            raw[place] = int(rng.integers(256))
        (tmp_path / "a.npz").write_bytes(bytes(raw))
        try:
            found = calibration.read(tmp_path / "a.npz", SHAPE)
        except Esp8kError as error:
            assert error.hint
        else:
            assert found.shape == (5, 4, 6, 1)


# ==== ONNX files ====


def gemm(shape: tuple[object, ...] = (1, 16)) -> onnx.ModelProto:
    """One product of (16, 4)."""
    weights = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = [helper.make_opsetid("", 13)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def opened(
    proto: onnx.ModelProto,
    folder: Path | None = None,
    shape: tuple[int, ...] | None = None,
) -> onnx_files.Opened:
    """The model, read."""
    return onnx_files.read(proto.SerializeToString(), folder, "m.onnx", shape)


def test_an_open_batch_is_set_to_one_with_a_word() -> None:
    found = opened(gemm(("batch", 16)))
    assert found.inputs[0].shape == (1, 16)
    assert found.notes == ("batch, which the model leaves open, is 1",)
    assert opened(gemm((0, 16))).inputs[0].shape == (1, 16)


def test_other_open_sizes_are_asked_for() -> None:
    with pytest.raises(Esp8kError, match="open: width") as caught:
        opened(gemm((1, "width")))
    assert "--input-shape" in caught.value.hint
    assert opened(gemm((1, "width")), None, (1, 16)).inputs[0].shape == (1, 16)
    with pytest.raises(Esp8kError, match="fixes a size to 16"):
        opened(gemm(), None, (1, 8))


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


def test_a_batch_of_eight_is_refused() -> None:
    with pytest.raises(Esp8kError, match="8 inputs at once"):
        opened(gemm((8, 16)))


def external(tmp_path: Path, location: str, **entries: str) -> onnx.ModelProto:
    """The model with its weights in a file."""
    proto = gemm()
    weights = proto.graph.initializer[0]
    (tmp_path / "data").write_bytes(weights.raw_data)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        weights.external_data.add(key=key, value=value)
    return proto


def test_external_data_are_read_in(tmp_path: Path) -> None:
    found = opened(external(tmp_path, "data"), tmp_path)
    assert onnx.load_from_string(found.proto).graph.initializer[0].raw_data


@pytest.mark.parametrize(
    ("location", "entries", "match"),
    [
        ("../data", {}, "outside of its folder"),
        ("/etc/passwd", {}, "outside of its folder"),
        ("none", {}, "keeps its weights in none, which is not beside it"),
        ("data", {"offset": "1000"}, "cut short"),
        ("data", {"length": "999999999999"}, "cut short"),
        ("data", {"offset": "x"}, "no number"),
        ("", {}, "has no data"),
    ],
)
def test_external_data_elsewhere_are_refused(
    tmp_path: Path, location: str, entries: dict[str, str], match: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    proto = external(folder, location, **entries)
    with pytest.raises(Esp8kError, match=match):
        opened(proto, folder)


def test_shapes_that_contradict_each_other_are_named() -> None:
    with pytest.raises(Esp8kError, match="onnxruntime|contradict"):
        opened(gemm((1, 17)))


def test_trees_are_told_from_networks() -> None:
    proto = gemm()
    proto.graph.node.add(op_type="TreeEnsembleClassifier", domain="ai.onnx.ml")
    with pytest.raises(Esp8kError, match="no neural network: TreeEns") as caught:
        opened(proto)
    assert "emlearn" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "cure"),
    [
        ("CUSTOM SignalWindow", "features of sound"),
        ("CUSTOM ethos-u", "before vela"),
        ("CUSTOM other", "TFLITE_BUILTINS_INT8"),
        ("WHILE", "written out"),
    ],
)
def test_an_operator_has_its_own_cure(kind: str, cure: str) -> None:
    assert cure in cures.cure(kind, frozenset())


def test_a_graph_in_a_graph_is_refused() -> None:
    inner = helper.make_graph([], "inner", [], [])
    proto = gemm()
    proto.graph.node.add(op_type="If", name="if").attribute.add(
        name="then_branch", g=inner, type=onnx.AttributeProto.GRAPH
    )
    with pytest.raises(Esp8kError, match="a graph of its own"):
        opened(proto)


@pytest.mark.parametrize("raw", [b"", b"junk", bytes(100)])
def test_what_is_no_onnx_is_refused(raw: bytes) -> None:
    with pytest.raises(Esp8kError, match="ONNX|operators"):
        onnx_files.read(raw, None, "m.onnx", None)


# ==== Several inputs ====

TWO = (Wanted("serving_default_left:0", (1, 3)), Wanted("right", (1, 2, 2)))


def test_several_inputs_are_found_by_name_by_order_or_one_behind_another(
    tmp_path: Path,
) -> None:
    left = np.arange(15, dtype=np.float32).reshape(5, 3)
    right = -np.arange(20, dtype=np.float32).reshape(5, 2, 2)
    whole = np.concatenate([left, right.reshape(5, 4)], axis=1)
    np.savez(tmp_path / "named.npz", right=right, other=left[:1], left=left)
    np.savez(tmp_path / "order.npz", a=left, b=right)
    np.save(tmp_path / "one.npy", whole)
    np.savetxt(tmp_path / "lines.csv", whole, delimiter=",")
    for name in ("named.npz", "order.npz", "one.npy", "lines.csv"):
        found = calibration.read_all(tmp_path / name, TWO)
        assert np.array_equal(found[0], left) and np.array_equal(found[1], right)


def test_an_npz_without_arrays_is_not_called_damaged(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz")
    assert "damaged" not in refused(tmp_path / "a.npz", "holds no array").message


def test_what_is_wrong_with_several_inputs_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, left=np.eye(3))
    with pytest.raises(Esp8kError, match="has the inputs left, right") as caught:
        calibration.read_all(path, TWO)
    assert caught.value.hint == "numpy.savez('a.npz', left=..., right=...)"
    np.savez(path, left=np.eye(3), right=np.arange(16).reshape(4, 2, 2))
    with pytest.raises(Esp8kError, match="3 of left, 4 of right"):
        calibration.read_all(path, TWO)


def test_an_open_batch_of_several_inputs_is_one_everywhere() -> None:
    """As in one step of a GRU: its state has the batch in the second place."""
    value = helper.make_tensor_value_info
    ends = [value("x", 1, ("n", 4)), value("h", 1, (1, "n", 4))]
    node = helper.make_node("Add", ["x", "h"], ["y"])
    graph = helper.make_graph([node], "step", ends, [value("y", 1, None)])
    opsets = [helper.make_opsetid("", 18)]
    found = opened(helper.make_model(graph, ir_version=8, opset_imports=opsets))
    assert [one.shape for one in found.inputs] == [(1, 4), (1, 1, 4)]
    assert found.notes == ("n, which the model leaves open, is 1",)
