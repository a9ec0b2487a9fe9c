"""Keras files that are refused, or warned of, for what they are as a whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import Esp8kError
from export.frontend import conversion
from export.frontend.support import core_of
from export.frontend.taken import Options, Taken
from export.frontend.tensorflow import tensorflow
from export.graph.read import read_tflite


def converted(folder: Path, model: Any, values: np.ndarray) -> Taken:
    np.save(folder / "inputs.npy", values.astype(np.float32))
    path = folder / "m.keras"
    model.save(path)
    options = Options(folder / "inputs.npy")
    return conversion.convert("keras", str(path), path.read_bytes(), "m.keras", options)


def test_an_input_that_is_given_back_is_refused(tmp_path: Path) -> None:
    layers = tensorflow().keras.layers
    x = tensorflow().keras.Input((3,))
    model = tensorflow().keras.Model(x, [layers.Dense(2)(x), x])
    with pytest.raises(Esp8kError, match="one of its inputs back"):
        converted(tmp_path, model, np.ones((4, 3)))


def test_features_of_other_ranges_are_told(tmp_path: Path) -> None:
    """A layer that scales them comes too late: the input has one scale."""
    layers = tensorflow().keras.layers
    tensorflow().keras.utils.set_random_seed(0)
    values = np.random.default_rng(0).normal(size=(50, 3)) * [1000, 1, 900]
    scaled = layers.Normalization(mean=[0.0] * 3, variance=[1e6, 1.0, 8.1e5])
    start = tensorflow().keras.Input((3,))
    model = tensorflow().keras.Model(start, layers.Dense(2)(scaled(start)))
    (note,) = (n for n in converted(tmp_path, model, values).notes if "256" in n)
    assert note.startswith("1 of 3 features take less than 8") and "number 1" in note


def test_an_embedding_is_looked_up_before_the_model(tmp_path: Path) -> None:
    layers = tensorflow().keras.layers
    start = tensorflow().keras.Input((5,))
    rows = layers.Flatten()(layers.Embedding(9, 2)(start))
    model = tensorflow().keras.Model(start, layers.Dense(2)(rows))
    values = np.random.default_rng(0).integers(0, 9, (20, 5))
    with pytest.raises(Esp8kError, match="GATHER") as caught:
        core_of(read_tflite(converted(tmp_path, model, values).model, "m"))
    assert "look up before the model" in caught.value.hint
