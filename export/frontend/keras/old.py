"""A file of Keras 2, .h5 or .keras, as Keras 3 reads it.

    raw = renewed(raw)

TensorFlow 2.15 and before had Keras 2. Its files say things in the description of the
layers that Keras 3 refuses: the input's shape in a layer, a Sequential without its
InputLayer, `Model` for a functional one, groups of depthwise layers, modules that were
renamed, and on Windows the weights' names with backslashes. Nothing of that changes
what the layers compute. Three things do, of which a file says nothing: the slope of
hard_sigmoid, what a GRU resets, and how Theano turned the kernels of a convolution.
"""

import io
import json
import zipfile
from typing import Any

from core.errors import Esp8kError

CONFIG = "model_config"  # an attribute of an .h5
MEMBER = "config.json"  # of a .keras
WEIGHTS = "model.weights.h5"
TWICE = "_layer_checkpoint_dependencies"  # where Keras 2.13 kept them
METADATA = "metadata.json"
VERSION = "keras_version"
CURVES = ("activation", "recurrent_activation")  # attributes of a layer
TURNED = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D")
MEMBER_BYTES = 1 << 28
MODULES = {
    "keras.src.engine.functional": "keras.src.models.functional",
    "keras.src.engine.sequential": "keras",
    "keras.src.engine.training": "keras",
    "keras.engine.functional": "keras.src.models.functional",
    "keras.engine.sequential": "keras",
}
SEPARABLE = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
INERT = {  # what Keras 3 does not know, where it says nothing
    "DepthwiseConv1D": ("groups", *SEPARABLE),
    "DepthwiseConv2D": ("groups", *SEPARABLE),
    "SeparableConv1D": ("groups", *SEPARABLE),
    "SeparableConv2D": ("groups", *SEPARABLE),
    "Conv1DTranspose": ("groups",),
    "Conv2DTranspose": ("groups",),
    "LSTM": ("time_major", "implementation"),
    "GRU": ("time_major", "implementation"),
    "SimpleRNN": ("time_major",),
}


def renewed(raw: bytes) -> bytes:
    """The same file; as it is where there is nothing to renew, or no such file."""
    try:
        if raw[:4] == b"\x89HDF":
            return _h5(raw)
        return _archive(raw) if raw[:4] == b"PK\x03\x04" else raw
    except Exception:  # zipfile, json and h5py have many kinds; Keras tells of it
        return raw


def as_computed(keras: Any, model: Any, raw: bytes) -> Any:
    """A loaded model that computes what the Keras of its file did."""
    if _version(raw).startswith("3"):
        return model
    layers = model._flatten_layers()
    if _backend(raw) == "theano" and any(type(x).__name__ in TURNED for x in layers):
        raise Esp8kError(
            "it was saved by Theano, which turns the kernels of a convolution round",
            "load it by Keras 2 on TensorFlow and save it again",
        )
    now = keras.activations.hard_sigmoid
    for layer in layers:
        for name in CURVES:
            if vars(layer).get(name) is now:
                setattr(layer, name, lambda x: now(1.2 * x))
    return model


def _version(raw: bytes) -> str:
    """Of the Keras that wrote a file; empty where it does not say."""
    if raw[:2] != b"PK":
        return _attribute(raw, VERSION)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        if METADATA not in archive.namelist():
            return ""
        return str(json.loads(archive.read(METADATA)).get(VERSION, ""))


def _backend(raw: bytes) -> str:
    return "" if raw[:2] == b"PK" else _attribute(raw, "backend")


def _attribute(raw: bytes, name: str) -> str:
    """What an .h5 says of itself."""
    import h5py

    with h5py.File(io.BytesIO(raw)) as archive:
        found = archive.attrs.get(name, "")
    return found.decode() if isinstance(found, bytes) else str(found)


def _h5(raw: bytes) -> bytes:
    import h5py

    file = io.BytesIO(raw)
    with h5py.File(file, "r+") as archive:
        config = json.loads(archive.attrs[CONFIG])
        if not renew(config):
            return raw
        archive.attrs[CONFIG] = json.dumps(config)
    return file.getvalue()


def _archive(raw: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        if sum(member.file_size for member in archive.infolist()) > MEMBER_BYTES:
            return raw
        config, weights = json.loads(archive.read(MEMBER)), archive.read(WEIGHTS)
        named = _named_anew(weights)
        if not renew(config) and named == weights:
            return raw
        fresh = {MEMBER: json.dumps(config).encode(), WEIGHTS: named}
        with zipfile.ZipFile(made, "w") as copy:
            for name in archive.namelist():
                copy.writestr(name, fresh.get(name) or archive.read(name))
    return made.getvalue()


def _named_anew(raw: bytes) -> bytes:
    """Weights under the names that Keras 3 looks for."""
    import h5py

    file = io.BytesIO(raw)
    with h5py.File(file, "r+") as archive:
        changed = [_with_slashes(archive), _counted_once(archive)]
    return file.getvalue() if any(changed) else raw


def _with_slashes(archive: Any) -> bool:
    """Weights that were saved on Windows, under the names of other systems."""
    wrong = [name for name in _names(archive) if "\\" in name]
    # One name may begin another: a recurrent layer's, its cell's.
    for name in wrong:
        if hasattr(archive[name], "shape"):
            archive.move(name, name.replace("\\", "/"))
        else:
            archive.require_group(name.replace("\\", "/"))
    return bool(wrong)


def _counted_once(archive: Any) -> bool:
    """Layers of one kind with weights, which Keras 2.13 counted by twos."""
    changed = False
    folders = [name for name in _names(archive) if name.endswith(TWICE)]
    for name in sorted(folders, key=len, reverse=True):  # the inner ones first
        found: dict[str, list[int]] = {}
        for key in archive[name]:
            kind, _, number = key.rpartition("_")
            if not number.isdigit():
                kind, number = key, "0"
            found.setdefault(kind, []).append(int(number))
        for kind, numbers in found.items():
            if len(numbers) == 1 or any(n % 2 for n in numbers):
                continue
            for n in sorted(numbers)[1:]:
                archive.move(f"{name}/{kind}_{n}", f"{name}/{kind}_{n // 2}")
                changed = True
    return changed


def _names(archive: Any) -> list[str]:
    names: list[str] = []
    archive.visit(names.append)
    return names


def renew(layer: Any) -> bool:
    """Change the description of a layer and of those within; whether it changed."""
    if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
        return False
    config, kind = layer["config"], layer.get("class_name")
    changed = renew(config.get("layer"))  # of Bidirectional, TimeDistributed
    if layer.get("module") in MODULES:
        layer["module"] = MODULES[layer["module"]]
        changed = True
    if kind == "Model":
        layer["class_name"], changed = "Functional", True
    for name in INERT.get(str(kind), ()):
        changed = _drop(config, name) or changed
    if kind == "GRU" and "reset_after" not in config:  # from before there was a choice
        config["reset_after"], changed = False, True
    if kind == "BatchNormalization" and isinstance(config.get("axis"), list):
        config["axis"], changed = config["axis"][0], True
    layers = config.get("layers")
    if not isinstance(layers, list) or not layers:
        return changed
    if kind == "Sequential":
        changed = _begin(layers) or changed
    for one in layers:
        changed = renew(one) or changed
        if isinstance(one, dict) and one.get("class_name") != "InputLayer":
            changed = _drop(one.get("config", {}), "batch_input_shape") or changed
    return changed


def _begin(layers: list[Any]) -> bool:
    """Give a Sequential its InputLayer."""
    first = layers[0]
    shape = first["config"].get("batch_input_shape")
    if first["class_name"] == "InputLayer" or shape is None:
        return False
    start = {"batch_shape": shape, "name": f"{first['config']['name']}_input"}
    layers.insert(0, {"class_name": "InputLayer", "config": start})
    if "module" in first:
        layers[0] |= {"module": "keras.layers", "registered_name": None}
    return True


def _drop(config: dict[str, Any], name: str) -> bool:
    if name == "groups" and config.get(name) != 1:
        return False
    if name == "time_major" and config.get(name):
        return False
    return config.pop(name, config) is not config
