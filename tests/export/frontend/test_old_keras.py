"""Files as Keras 2 wrote them, made of those of Keras 3."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from export.frontend import conversion, old_keras
from export.frontend.tflite import tensorflow

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
