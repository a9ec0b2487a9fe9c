"""Generated components in every profile, compiled for this machine and for boards."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export.emit.generate import generate, identifier
from export.emit.identity import Identity
from export.graph.network import Network
from export.graph.read import read_tflite
from tests.support.native import Native
from tests.support.products import (
    FIRMWARE,
    GENERATOR,
    SOURCES,
    TEST_BUILD,
    lock,
    stale,
)
from tools.boards import pio
from training.data import load

IDENTITY = Identity("model", "ab" * 32, 0x12345678)

Networks = Callable[[str], tuple[Network, Network]]
Components = Callable[[str, str], Path]
Linked = Callable[[str, str, str], Path]
Natives = Callable[[str, str], Native]


@pytest.fixture(scope="session")
def networks(exported: Callable[[str], Path]) -> Networks:
    """`networks("v2")` is (int8, float16)."""
    kept: dict[str, tuple[Network, Network]] = {}

    def read(model: str) -> tuple[Network, Network]:
        if model not in kept:
            folder = exported(model)
            kept[model] = (
                read_tflite(folder / "model_int8.tflite", model),
                read_tflite(folder / "model_fp16.tflite", model),
            )
        return kept[model]

    return read


@pytest.fixture(scope="session")
def components(networks: Networks) -> Components:
    """`components("v2", "size")` is `build/test/size/v2/component`: the generated C."""

    def make(model: str, profile: str) -> Path:
        folder = TEST_BUILD / profile / model / "component"
        with lock(f"{model}-{profile}"):
            if stale(folder / "plan.json", *SOURCES, *GENERATOR):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                generate(*networks(model), folder, profile, identifier(model), IDENTITY)
        return folder

    return make


@pytest.fixture(scope="session")
def linked(components: Components) -> Linked:
    """`linked("v3", "virtual", "size")` is that firmware.elf, not flashed."""

    def link(model: str, board: str, profile: str) -> Path:
        component = components(model, profile)
        made_from = (*SOURCES, *GENERATOR, *FIRMWARE)
        with lock(f"{model}-{board}-{profile}"), pytest.MonkeyPatch.context() as patch:
            patch.setenv("ESP8K_BUILD", str(TEST_BUILD / profile))
            patch.setenv("ESP8K_MODEL_DIR", str(component))
            built = Path(pio.environment(board, model)["PLATFORMIO_BUILD_DIR"])
            elf = built / board / "firmware.elf"
            if stale(elf, *made_from):
                assert pio.build(model, board) == elf
                elf.touch()  # SCons leaves what comes out equal as it is
        return elf

    return link


@pytest.fixture(scope="session")
def natives(
    components: Components, tmp_path_factory: pytest.TempPathFactory
) -> Natives:
    """`natives("v2", "size")` is that component as a shared library."""
    kept: dict[tuple[str, str], Native] = {}

    def build(model: str, profile: str) -> Native:
        if (model, profile) not in kept:
            work = tmp_path_factory.mktemp("native")
            kept[model, profile] = Native(components(model, profile), work)
        return kept[model, profile]

    return build


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """300 test digits, 100 of noise, and the extremes: uint8 (402, 784)."""
    digits = np.asarray(load("mnist").test_images)[:300].reshape(-1, 784)
    noise = np.random.default_rng(0).integers(0, 256, (100, 784))
    ends = np.array([[0] * 784, [255] * 784])
    return np.concatenate([digits, noise, ends]).astype(np.uint8)
