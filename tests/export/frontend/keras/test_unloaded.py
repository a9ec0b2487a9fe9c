"""Keras files that are not taken: each is told what it is, and what to do."""

import json
from pathlib import Path

import h5py
import pytest

from core.errors import Esp8kError
from export.frontend import conversion
from export.frontend.keras import unloaded
from export.frontend.taken import Options
from export.frontend.tensorflow import tensorflow

LAYERS = {
    "QuantizeLayer": "tfmot.quantize_scope",
    "QuantizeWrapperV2": "tfmot.quantize_scope",
    "TFOpLambda": "which Keras 2 alone reads",
    "QDense": "qkeras is not read",
    "Squash": "layers of one's own",
}


def refused(raw: bytes) -> Esp8kError:
    with pytest.raises(Esp8kError) as caught:
        conversion.convert("keras", "", raw, "a.h5", Options(drawn=True))
    assert "a.h5" in caught.value.message
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize("kind", LAYERS)
def test_layers_of_another_package_are_told_with_their_cure(
    tmp_path: Path, kind: str
) -> None:
    keras, path = tensorflow().keras, tmp_path / "a.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1]["class_name"] = kind
        file.attrs["model_config"] = json.dumps(config)
    assert LAYERS[kind] in refused(path.read_bytes()).hint


@pytest.mark.slow
def test_states_and_masks_are_told_by_the_layer_that_has_them(tmp_path: Path) -> None:
    """Before, it was said of them what helps a .tflite."""
    keras, path = tensorflow().keras, tmp_path / "a.h5"
    layers = keras.layers
    lstm = layers.LSTM(3, stateful=True, name="memory")
    keras.Sequential([keras.Input(batch_shape=(1, 4, 2)), lstm]).save(path)
    found = refused(path.read_bytes())
    assert "layer memory keeps its state" in found.message
    assert found.hint == unloaded.STATEFUL
    masked = [layers.Masking(name="veil"), layers.LSTM(3)]
    keras.Sequential([keras.Input((4, 2)), *masked]).save(path)
    found = refused(path.read_bytes())
    assert "layer veil leaves steps out" in found.message
    assert found.hint == unloaded.MASKING
