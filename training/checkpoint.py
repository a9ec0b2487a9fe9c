"""A trained model as a file: weights, how they came about, and their hash.

A checkpoint is a dictionary saved by torch, readable with `weights_only=True`, so
that loading one can never run code. It is written beside its place and then renamed:
a reader sees the old file or the new one, never half of one.

    from training.checkpoint import load
    model = load(Path("build/v2/model.pt")).module()
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.asked import TRAINED
from core.errors import Esp8kError
from core.files import replacing, unwritable, write_bytes
from core.inputs import read_bytes
from core.saying import say
from core.text import one_line
from core.words import MODELS
from training import models
from training.layers import CLASSES

FORMAT = 1
FILE_BYTES = 64 << 20  # the teacher's has 2 MB, an unfinished run's a few
MOST_CLASSES = 64  # as many as a folder may have
AGAIN = "run make train again"
Types = type | tuple[type, ...]
CHECKPOINT: Mapping[str, Types] = {
    "format": int,
    "model": str,
    "config": dict,
    "state_dict": dict,
    "weights_hash": str,
}
REPLACED = "replaced.pt"  # the weights that the last training took the place of
# What `training.plots` draws of a run, beside its weights.
PICTURES = (
    *("learning-curves.png", "confusion.png", "confidence.png"),
    "misclassified.png",
)


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds."""

    model: str
    config: dict[str, Any]
    state_dict: dict[str, Tensor]
    weights_hash: str  # 64 hexadecimal digits; people see the first 16
    temperature: float | None  # divides the logits for calibrated probabilities

    def module(self) -> nn.Module:
        """The network with these weights, ready for inference."""
        module = models.build(self.model, classes_of(self.state_dict))
        module.load_state_dict(self.state_dict)
        return module.eval()


def classes_of(weights: dict[str, Tensor]) -> int:
    """How many classes the last layer tells apart; ten where there is none."""
    last = next(reversed(weights.values()), None)
    if not isinstance(last, Tensor) or last.ndim == 0:
        return CLASSES
    return len(last) if len(last) <= MOST_CLASSES else CLASSES


def weights_hash(state_dict: dict[str, Tensor]) -> str:
    """sha256 over name, dtype, shape and little-endian bytes of every tensor."""
    digest = hashlib.sha256()
    for name, tensor in state_dict.items():
        array = np.ascontiguousarray(tensor.detach().cpu().numpy())
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {array.dtype.str} {tuple(tensor.shape)}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def save(
    path: Path,
    model: str,
    state_dict: dict[str, Tensor],
    config: dict[str, Any],
    temperature: float | None = None,
) -> str:
    """Write a checkpoint atomically; give the hash of its weights."""
    plain = {k: v.detach().cpu().clone() for k, v in state_dict.items()}
    digest = weights_hash(plain)
    content = {
        "format": FORMAT,
        "model": model,
        "config": config,
        "state_dict": plain,
        "weights_hash": digest,
        "temperature": temperature,
    }
    write_atomically(path, content)
    return digest


def forget_run(folder: Path) -> None:
    """Keep the weights that are about to be replaced; remove what tells of them."""
    if (old := folder / "model.pt").exists():
        write_bytes(folder / REPLACED, read_bytes(old, FILE_BYTES, "a checkpoint"))
        say(f"the weights before are kept: {folder / REPLACED}")
    for name in ("metrics.json", TRAINED, *PICTURES):
        (folder / name).unlink(missing_ok=True)


def write_atomically(path: Path, content: dict[str, Any]) -> None:
    """`torch.save` to a neighbour, then rename over `path`."""
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # torch wraps a full disk
        raise unwritable(path, error) from error


# ==== Reading =================================================================


def load(path: Path, model: str | None = None) -> Checkpoint:
    """Read a checkpoint and check it; `model` is the architecture that it must be."""
    content = read(path, CHECKPOINT)
    if content["format"] != FORMAT:
        found = content["format"]
        raise Esp8kError(f"{path} has format {found}, we read {FORMAT}", AGAIN)
    name, weights = content["model"], content["state_dict"]
    if name not in MODELS:
        shown = one_line(name, 40)
        raise Esp8kError(
            f"{path} is of an unknown model '{shown}'", f"one of: {', '.join(MODELS)}"
        )
    if model is not None and name != model:
        raise Esp8kError(
            f"{path} holds a {name}, not a {model}",
            f"run: make train MODEL={model} (or use MODEL={name})",
        )
    _check_tensors(path, name, weights)
    digest = weights_hash(weights)
    if digest != content["weights_hash"]:
        shown = one_line(content["weights_hash"], 16)
        raise Esp8kError(
            f"{path} is damaged: its weights hash to {digest[:16]}, not to {shown}",
            f"run: make train MODEL={name}",
        )
    config, temperature = _config(path, content), _temperature(path, content)
    return Checkpoint(name, config, weights, digest, temperature)


def read(path: Path, wanted: Mapping[str, Types] | None = None) -> dict[str, Any]:
    """The dictionary in a file that torch wrote; no code in it is ever run.

    Refuses whatever is larger than a checkpoint of ours, and a dictionary without the
    `wanted` names or with others than their types.
    """
    if not path.exists():
        raise Esp8kError(f"{path} does not exist", "run: make train")
    raw = read_bytes(path, FILE_BYTES, "a checkpoint")
    try:
        _check_archive(raw)
        content = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    except Exception as error:  # what is damaged raises anything in torch and zipfile
        raise Esp8kError(f"{path} is damaged or no checkpoint", AGAIN) from error
    if not isinstance(content, dict):
        raise Esp8kError(f"{path} is no checkpoint of this project", AGAIN)
    for name, kinds in (wanted or {}).items():
        if name not in content:
            raise Esp8kError(f"{path} is no checkpoint of this project", AGAIN)
        if not isinstance(content[name], kinds):
            found = type(content[name]).__name__
            raise Esp8kError(f"{path} is damaged: its {name} is a {found}", AGAIN)
    return content


def _check_archive(raw: bytes) -> None:
    """What torch.save writes: a zip of stored records, no larger than the file."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        records = archive.infolist()
    if any(record.compress_type != zipfile.ZIP_STORED for record in records):
        raise ValueError("compressed records")
    if sum(record.file_size for record in records) > len(raw):
        raise ValueError("records beyond the file")


def _check_tensors(path: Path, name: str, weights: dict[str, Tensor]) -> None:
    """Exactly those of the architecture that the file names, and numbers in them."""
    expected = models.build(name, classes_of(weights)).state_dict()
    cure = f"run: make train MODEL={name}"
    unlike = [k for k, v in expected.items() if not _alike(weights.get(k), v)]
    unlike += [one_line(str(k), 40) for k in weights if k not in expected]
    if unlike:
        raise Esp8kError(
            f"{path} is of another architecture than {name}: tensor "
            f"{unlike[0]} does not fit",
            cure,
        )
    for key, tensor in weights.items():
        odd = ~torch.isfinite(tensor)
        if key.endswith("running_var"):
            odd |= tensor < 0  # its root is taken
        if odd.any():
            value = tensor[odd].flatten()[0].item()
            raise Esp8kError(f"{path} is damaged: {key} holds {value}", cure)


def _alike(found: object, expected: Tensor) -> bool:
    return (
        isinstance(found, Tensor)
        and found.layout == torch.strided
        and not found.is_quantized
        and (found.dtype, found.shape) == (expected.dtype, expected.shape)
    )


def _config(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """What goes into model.json as well, so nothing that JSON has not."""
    try:
        config: dict[str, Any] = json.loads(
            json.dumps(content["config"], allow_nan=False)
        )
    except (TypeError, ValueError, RecursionError) as error:
        told = f"{path} is damaged: its config is no plain text"
        raise Esp8kError(told, AGAIN) from error
    return config


def _temperature(path: Path, content: dict[str, Any]) -> float | None:
    """The temperature, which divides logits; older files have none."""
    found = content.get("temperature")
    if found is None:
        return None
    sound = isinstance(found, int | float) and 0.01 <= found <= 100
    if not sound:
        shown = one_line(str(found), 40)
        raise Esp8kError(f"{path} is damaged: its temperature is {shown}", AGAIN)
    return float(found)
