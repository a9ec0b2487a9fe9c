"""Float models with values of 16 bits: nearer, and exact like those of 8."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import Esp8kError
from export.compile import compile_model
from export.frontend import conversion, sources
from export.frontend.sources import Options
from export.frontend.tensorflow import tensorflow
from export.frontend.tflite.convert import from_keras
from export.graph.read import read_tflite

SHAPE = (6, 6, 3)

Build = Callable[[Any, Any], Any]  # (keras.layers, start) -> end


def sums(layers: Any, x: Any) -> Any:
    y = layers.Add()([x, layers.Conv2D(3, 3, padding="same")(x)])
    return layers.Dense(4, activation="softmax")(layers.Flatten()(y))


def an_lstm(layers: Any, x: Any) -> Any:
    """The operator is of 8 bits: its steps are written out."""
    return layers.LSTM(4)(layers.Reshape((6, 18))(x))


def an_elu(layers: Any, x: Any) -> Any:
    return layers.Dense(3)(layers.ELU()(layers.Dense(4)(layers.Flatten()(x))))


def enlarged(layers: Any, x: Any) -> Any:
    return layers.UpSampling2D(2, interpolation="bilinear")(x)


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    path = tmp_path / "drawn.npy"
    drawn = np.random.default_rng(1).normal(size=(32, *SHAPE))
    np.save(path, drawn.astype(np.float32))
    return path


def stored(build: Build, folder: Path, suffix: str) -> str:
    tf = tensorflow()
    tf.keras.utils.set_random_seed(2)
    start = tf.keras.Input(SHAPE, batch_size=1)
    model = tf.keras.Model(start, build(tf.keras.layers, start))
    path = folder / f"model{suffix}"
    if suffix == ".keras":
        model.save(path)
    else:
        path.write_bytes(from_keras(tf, model))
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "suffix"), [(sums, ".tflite"), (sums, ".keras"), (an_lstm, ".keras")]
)
def test_it_comes_nearer_and_is_exact(
    build: Build, suffix: str, tmp_path: Path, calibration: Path
) -> None:
    source = stored(build, tmp_path, suffix)
    near = sources.load(source, Options(calibration, int16=True))
    far = sources.load(source, Options(calibration))
    assert near.costs[0].mean < 0.4 * far.costs[0].mean
    network = read_tflite(near.model, "near")
    assert all(network.tensors[i].dtype == "int16" for i in network.inputs)
    assert any("quantized here to int16" in note for note in near.notes)
    made = compile_model(near.model, "net", "net", tmp_path / "c", "size")
    assert made.compared_with == "the integer reference and TFLite Micro"


@pytest.mark.slow
@pytest.mark.parametrize("build", [an_elu, enlarged])
def test_what_it_does_not_know_is_left_to_8_bits(
    build: Build, tmp_path: Path, calibration: Path
) -> None:
    source = stored(build, tmp_path, ".tflite")
    with pytest.raises(Esp8kError, match="ELU|RESIZE_BILINEAR") as caught:
        sources.load(source, Options(calibration, int16=True))
    assert "leave --int16 out" in caught.value.hint


@pytest.mark.slow
def test_a_model_of_8_bits_stays_one(tmp_path: Path, calibration: Path) -> None:
    made = sources.load(stored(sums, tmp_path, ".tflite"), Options(calibration))
    (tmp_path / "int8.tflite").write_bytes(made.model)
    with pytest.raises(Esp8kError, match="quantized already"):
        sources.load(str(tmp_path / "int8.tflite"), Options(int16=True))


@pytest.mark.slow
def test_where_much_is_lost_it_is_named(
    tmp_path: Path, calibration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = Path(stored(sums, tmp_path, ".tflite")).read_bytes()

    def notes(**options: Any) -> tuple[str, ...]:
        asked = Options(calibration, **options)
        return conversion.convert("tflite", "", raw, "m", asked).notes

    assert conversion.NEARER not in notes()
    monkeypatch.setattr(conversion, "FAR", 0.0)
    assert conversion.NEARER in notes()
    assert conversion.NEARER not in notes(int16=True)
