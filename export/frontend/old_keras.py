"""A file of Keras 2, .h5 or .keras, as Keras 3 reads it.

    raw = renewed(raw)

TensorFlow 2.15 and before had Keras 2. Its files say things in the description of the
layers that Keras 3 refuses: the input's shape in a layer, a Sequential without its
InputLayer, `Model` for a functional one, groups of depthwise layers, modules that were
renamed, and on Windows the weights' names with backslashes. Nothing of that changes
what the layers compute.
"""

import io
import json
import zipfile
from typing import Any

CONFIG = "model_config"  # an attribute of an .h5
MEMBER = "config.json"  # of a .keras
WEIGHTS = "model.weights.h5"
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
        slashed = _with_slashes(weights)
        if not renew(config) and slashed == weights:
            return raw
        fresh = {MEMBER: json.dumps(config).encode(), WEIGHTS: slashed}
        with zipfile.ZipFile(made, "w") as copy:
            for name in archive.namelist():
                copy.writestr(name, fresh.get(name) or archive.read(name))
    return made.getvalue()


def _with_slashes(raw: bytes) -> bytes:
    """Weights that were saved on Windows, under the names of other systems."""
    import h5py

    file = io.BytesIO(raw)
    with h5py.File(file, "r+") as archive:
        names: list[str] = []
        archive.visit(names.append)
        wrong = [name for name in names if "\\" in name]
        if not wrong:
            return raw
        # One name may begin another: a recurrent layer's, its cell's.
        for name in wrong:
            if isinstance(archive[name], h5py.Dataset):
                archive.move(name, name.replace("\\", "/"))
            else:
                archive.require_group(name.replace("\\", "/"))
    return file.getvalue()


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
