"""Files as Keras 2 wrote them, made of those of Keras 3."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from core.errors import Esp8kError
from export.frontend import conversion
from export.frontend.keras import old as old_keras
from export.frontend.taken import Options
from export.frontend.tensorflow import tensorflow

pytestmark = pytest.mark.slow
SHAPE = (None, 6, 6, 2)


def net() -> Any:
    """A Sequential of what Keras 2 described otherwise."""
    keras = tensorflow().keras
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.DepthwiseConv2D(3, bias_initializer="random_normal"),
        keras.layers.BatchNormalization(),
        keras.layers.SeparableConv2D(3, 2),
        keras.layers.Flatten(),
        keras.layers.Dense(4),
    ]
    return keras.Sequential([keras.Input(SHAPE[1:]), *layers])


def aged(config: dict[str, Any]) -> bytes:
    """The description of the network as Keras 2 had it."""
    start, *layers = config["config"]["layers"]
    assert start["class_name"] == "InputLayer"
    layers[0]["config"]["batch_input_shape"] = list(SHAPE)
    layers[0]["config"]["groups"] = 1
    layers[1]["config"]["axis"] = [3]
    layers[2]["config"] |= {"groups": 1, "kernel_initializer": None}
    layers[3]["config"]["batch_input_shape"] = [None, 4, 4, 2]
    config["config"]["layers"] = layers
    if "module" in config:
        config["module"] = "keras.src.engine.sequential"
    return json.dumps(config).encode()


def old_h5(path: Path) -> bytes:
    """An .h5 of TensorFlow 2.0."""
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = aged(json.loads(file.attrs["model_config"]))
    return path.read_bytes()


def old_archive(path: Path) -> bytes:
    """A .keras of TensorFlow 2.15 on Windows."""
    made = io.BytesIO()
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(made, "w") as copy:
        copy.writestr("config.json", aged(json.loads(given.read("config.json"))))
        weights = io.BytesIO(given.read("model.weights.h5"))
        with h5py.File(weights, "r+") as file:
            for name in list(file["layers"]):
                file.move(f"layers/{name}", f"layers\\{name}")
        copy.writestr("model.weights.h5", weights.getvalue())
        copy.writestr("metadata.json", given.read("metadata.json"))
    return made.getvalue()


@pytest.mark.parametrize("suffix", ["h5", "keras"])
def test_a_file_of_keras_2_computes_the_same(tmp_path: Path, suffix: str) -> None:
    model, path = net(), tmp_path / f"net.{suffix}"
    model.save(path)
    now = path.read_bytes()
    assert old_keras.renewed(now) == now
    old = old_h5(path) if suffix == "h5" else old_archive(path)
    values = np.random.default_rng(0).normal(size=(3, *SHAPE[1:])).astype(np.float32)
    found = conversion.loaded(tensorflow().keras, old)
    assert np.array_equal(found(values), model(values))


def by_version(model: Any, path: Path, version: str, backend: str = "") -> bytes:
    """An .h5 that says which Keras wrote it."""
    model.save(path)
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = version
        if backend:
            file.attrs["backend"] = backend
    return path.read_bytes()


def curved(curve: Any) -> Any:
    """A recurrent layer, and one in a wrapper."""
    keras = tensorflow().keras
    keras.utils.set_random_seed(0)
    lstm = keras.layers.LSTM(3, recurrent_activation=curve, return_sequences=True)
    dense = keras.layers.Dense(4, activation=curve)
    layers = [lstm, keras.layers.TimeDistributed(dense)]
    return keras.Sequential([keras.Input((5, 2)), *layers])


@pytest.mark.parametrize("version", ["1.2.2", "2.2.4-tf", "2.15.0", "3.0.0"])
def test_the_hard_sigmoid_is_that_of_its_keras(tmp_path: Path, version: str) -> None:
    """A fifth of x plus a half until Keras 3, which has a sixth."""
    tf = tensorflow()
    raw = by_version(curved("hard_sigmoid"), tmp_path / "a.h5", version)
    older = curved(lambda x: tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0))
    right = curved("hard_sigmoid") if version[0] == "3" else older
    x = np.random.default_rng(0).normal(size=(9, 5, 2)).astype("f4") * 3
    found = conversion.loaded(tf.keras, raw)(x)
    assert (
        np.abs(found - right(x)).max() < 1e-6 < np.abs(curved("tanh")(x) - found).max()
    )


def test_a_gru_from_before_there_was_a_choice_resets_before_the_product(
    tmp_path: Path,
) -> None:
    keras = tensorflow().keras
    layer = keras.layers.GRU(3, reset_after=False, use_bias=False)
    model = keras.Sequential([keras.Input((4, 2)), layer])
    raw = by_version(model, tmp_path / "a.h5", "2.0.8")
    file = io.BytesIO(raw)
    with h5py.File(file, "r+") as archive:
        config = json.loads(archive.attrs["model_config"])
        del config["config"]["layers"][1]["config"]["reset_after"]
        archive.attrs["model_config"] = json.dumps(config)
    x = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("f4")
    found = conversion.loaded(keras, file.getvalue())
    assert np.array_equal(found(x), model(x))


def test_kernels_that_theano_turned_are_refused(tmp_path: Path) -> None:
    raw = by_version(net(), tmp_path / "a.h5", "2.1.6", "theano")
    keras = tensorflow().keras
    assert conversion.loaded(keras, raw) is not None  # depthwise ones it never had
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.Conv1D(3, 2)])
    raw = by_version(model, tmp_path / "b.h5", "2.1.6", "theano")
    with pytest.raises(Esp8kError, match="a.h5: it was saved by Theano"):
        conversion.convert("keras", "", raw, "a.h5", Options(drawn=True))


def test_layers_that_were_counted_by_twos_are_found(tmp_path: Path) -> None:
    """Keras 2.13 counted a layer with weights twice: dense, dense_2, dense_4."""
    keras = tensorflow().keras
    dense = [keras.layers.Dense(n) for n in (3, 3, 4)]
    layers = [dense[0], keras.layers.ReLU(), dense[1], keras.layers.ReLU(), dense[2]]
    model, path = keras.Sequential([keras.Input((3,)), *layers]), tmp_path / "a.keras"
    model.save(path)
    made = io.BytesIO()
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(made, "w") as copy:
        weights = io.BytesIO(given.read("model.weights.h5"))
        with h5py.File(weights, "r+") as file:
            file.move("layers", "_layer_checkpoint_dependencies")
            for n in (2, 1):
                old = f"_layer_checkpoint_dependencies/dense_{n}"
                file.move(old, f"{old[:-1]}{2 * n}")
        copy.writestr("config.json", given.read("config.json"))
        copy.writestr("model.weights.h5", weights.getvalue())
        copy.writestr("metadata.json", json.dumps({"keras_version": "2.13.1"}))
    x = np.random.default_rng(0).normal(size=(3, 3)).astype("f4")
    found = conversion.loaded(keras, made.getvalue())
    assert np.array_equal(found(x), model(x))


def test_weights_of_a_recurrent_layer_saved_on_windows_are_found() -> None:
    """The layer's name begins that of its cell, and both have a backslash."""
    file = io.BytesIO()
    with h5py.File(file, "w") as archive:
        archive["layers\\lstm\\cell/vars/0"] = np.arange(3)
        archive["layers\\dense/vars/0"] = np.arange(2)
        archive.create_group("layers\\lstm/vars")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as copy:
        copy.writestr("config.json", json.dumps({"class_name": "Dense", "config": {}}))
        copy.writestr("model.weights.h5", file.getvalue())
    with zipfile.ZipFile(io.BytesIO(old_keras.renewed(made.getvalue()))) as renewed:
        weights = io.BytesIO(renewed.read("model.weights.h5"))
    with h5py.File(weights) as archive:
        assert list(archive["layers/lstm/cell/vars/0"]) == [0, 1, 2]
        assert list(archive["layers/dense/vars/0"]) == [0, 1]
        assert "vars" in archive["layers/lstm"]


def test_groups_that_say_something_stay() -> None:
    layer = {"class_name": "Conv2DTranspose", "config": {"groups": 2}}
    config = {"class_name": "Sequential", "config": {"layers": [layer]}}
    assert not old_keras.renew(config)


@pytest.mark.parametrize(
    "raw", [b"", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04 cut", b"other"]
)
def test_what_is_no_such_file_stays_as_it_is(raw: bytes) -> None:
    assert old_keras.renewed(raw) == raw
