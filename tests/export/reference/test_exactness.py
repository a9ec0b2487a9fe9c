"""v1, v2 and v3 against TFLite Micro: every test image and 1,000 of noise.

The export ran the oracle on the test images, and the C of the default profile: that of
each other profile must give the digest, and all of them the oracle's bytes on noise.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from core.digest import digest
from core.words import DEFAULT_PROFILE, MODELS, PROFILES
from export import verify
from export.emit import generate, host_build
from export.emit.identity import Identity
from export.graph.read import read_tflite
from export.reference import int8, tflm
from tests.support.products import verified
from training.data import load

IDENTITY = Identity("model", "ab" * 32, 0x12345678)
TEST_IMAGES, NOISE = 10_000, 1_000
# One network in the fast suite, the others beside it in the whole.
EACH = [
    model if model == "v2" else pytest.param(model, marks=pytest.mark.slow)
    for model in MODELS
]


@cache
def noise() -> np.ndarray:
    """Half of it grey, half black and white."""
    noise = np.random.default_rng(5).integers(0, 256, (NOISE, 28, 28)).astype(np.uint8)
    noise[: NOISE // 2] = np.where(noise[: NOISE // 2] < 128, 0, 255)
    return noise


@pytest.fixture(scope="module", params=EACH)
def oracle(
    request: pytest.FixtureRequest, exported: Callable[[str], Path]
) -> tuple[str, Path, np.ndarray]:
    """A model, its folder and TFLite Micro's logits of noise; else the reference's."""
    folder = exported(request.param)
    raw = (folder / "model_int8.tflite").read_bytes()
    network = read_tflite(raw, request.param)
    inputs = verify.quantized_input(network, noise())
    expected = tflm.outputs(raw, inputs)
    if expected is None:
        expected = int8.outputs(network, inputs)
    return request.param, folder, expected


@pytest.mark.parametrize("profile", PROFILES)
def test_every_test_image_and_noise_has_the_oracles_bytes(
    profile: str, oracle: tuple[str, Path, np.ndarray], tmp_path: Path
) -> None:
    name, folder, expected = oracle
    networks = [
        read_tflite(folder / f"model_{kind}.tflite", name) for kind in ("int8", "fp16")
    ]
    generate.generate(*networks, tmp_path, profile, "net", IDENTITY)
    library = host_build.build(tmp_path, tmp_path)
    assert expected.shape == (NOISE, 10)
    np.testing.assert_array_equal(library.int8(noise()), expected)
    if profile == DEFAULT_PROFILE:
        return  # there would be no export if its digest were another
    found = library.int8(load("mnist").test_images)
    assert found.shape == (TEST_IMAGES, 10)
    assert digest(found) == verified(name)


@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
def test_the_reference_has_the_oracles_bytes_on_noise(
    oracle: tuple[str, Path, np.ndarray],
) -> None:
    name, folder, expected = oracle
    network = read_tflite(folder / "model_int8.tflite", name)
    found = int8.outputs(network, verify.quantized_input(network, noise()))
    np.testing.assert_array_equal(found, expected)
