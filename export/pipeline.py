"""From a checkpoint to every artefact of a model, in memory and then in a folder.

    artefacts = convert(checkpoint, images, say)    # bytes of the five model files
    plan = write(artefacts, folder, "speed", say)   # those, and the generated C

`images` are those that int8 ranges are found from.
"""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from core.saying import Say
from export.emit.contents import USUAL, Contents
from export.emit.identity import Identity, identify
from export.frontend.fold import fold
from export.frontend.onnx_export import export_onnx
from export.frontend.quantize import quantize_onnx
from export.frontend.tflite.convert import from_onnx
from export.graph.network import Network
from export.graph.read import read_tflite
from training.checkpoint import Checkpoint
from training.data import MEAN, STD, Data

if TYPE_CHECKING:
    from export.emit.generate import Plan

CALIBRATION_IMAGES = 500  # the first ones of the training set
SHAPE = (1, 1, 28, 28)
FILES = (
    "model_fp32.onnx",
    "model_fp16.onnx",
    "model_int8.onnx",
    "model_fp16.tflite",
    "model_int8.tflite",
)


@dataclass(frozen=True)
class Artefacts:
    """Everything that is made of one checkpoint, before it is written."""

    files: dict[str, bytes]  # by file name, in the order of FILES
    int8: Network
    float16: Network
    identity: Identity


def calibration(data: Data) -> np.ndarray:
    """The fixed calibration images, (N, 1, 28, 28) float32 in 0..1."""
    images = data.train_images[:CALIBRATION_IMAGES, None]
    return images / np.float32(255)


def int8_tflite(module: nn.Module, images: np.ndarray) -> tuple[bytes, bytes]:
    """(float32 ONNX, int8 .tflite) of a trained module."""
    onnx = export_onnx(fold(module, MEAN, STD), SHAPE)
    return onnx, from_onnx(onnx, images)


def convert(checkpoint: Checkpoint, images: np.ndarray, say: Say) -> Artefacts:
    """All five model files of a checkpoint."""
    say("fold and export to ONNX")
    folded = fold(checkpoint.module(), MEAN, STD)
    onnx = export_onnx(folded, SHAPE)
    files = {
        "model_fp32.onnx": onnx,
        "model_fp16.onnx": export_onnx(folded, SHAPE, half=True),
    }
    say("quantize and convert to TFLite")
    files["model_int8.onnx"] = quantize_onnx(onnx, images)
    files["model_fp16.tflite"] = from_onnx(onnx)
    files["model_int8.tflite"] = from_onnx(onnx, images)
    int8 = read_tflite(files["model_int8.tflite"], checkpoint.model)
    half = read_tflite(files["model_fp16.tflite"], checkpoint.model)
    name, weights = checkpoint.model, checkpoint.weights_hash
    identity = identify(name, weights, int8.sha256, half.sha256)
    return Artefacts(files, int8, half, identity)


def write(
    artefacts: Artefacts,
    folder: Path,
    profile: str,
    say: Say,
    contents: Contents = USUAL,
) -> "Plan":
    """Write the model files, the C component and its plan into `folder`."""
    from export.emit import component
    from export.emit.generate import identifier

    for name, content in artefacts.files.items():
        (folder / name).write_bytes(content)
    say(f"generate C, profile {profile}")
    target = folder / "component"
    plan = component.publish(
        artefacts.int8,
        artefacts.float16,
        target,
        profile,
        identifier(artefacts.identity.model),
        artefacts.identity,
        artefacts.identity.model,
        contents,
    )
    shutil.copy(target / "plan.json", folder / "plan.json")
    return plan


def sha256(content: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(content).hexdigest()
