"""What a Keras model's own runtime says is told in its words, with a cure."""

import numpy as np
import pytest

from core.errors import Esp8kError
from export.frontend import beside
from export.frontend.tensorflow import tensorflow


@pytest.mark.slow
def test_channels_in_front_are_of_gpus_alone() -> None:
    keras = tensorflow().keras
    layer = keras.layers.Conv2D(2, 3, data_format="channels_first")
    model = keras.Sequential([keras.Input((2, 5, 4)), layer])
    given = np.zeros((2, 2, 5, 4), np.float32)
    with pytest.raises(Esp8kError, match="cannot run the model: The Conv2D") as caught:
        beside.by_keras(model, (given,))
    assert "channels_last" in caught.value.hint
    assert "\x1b" not in caught.value.message
