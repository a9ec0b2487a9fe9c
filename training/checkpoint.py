"""A trained model as a file: weights, how they came about, and their hash.

A checkpoint is a dictionary saved by torch, readable with `weights_only=True`, so
that loading one can never run code. It is written beside its place and then renamed:
a reader sees the old file or the new one, never half of one.

    from training.checkpoint import load
    model = load(Path("build/v2/model.pt")).module()
"""

import hashlib
import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import Esp8kError
from core.files import replacing, unwritable
from training import models
from training.layers import CLASSES

FORMAT = 1


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
    return len(last) if last is not None and last.ndim else CLASSES


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


def write_atomically(path: Path, content: dict[str, Any]) -> None:
    """`torch.save` to a neighbour, then rename over `path`."""
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # torch wraps a full disk
        raise unwritable(path, error) from error


def load(path: Path, model: str | None = None) -> Checkpoint:
    """Read a checkpoint and check it; `model` is the architecture that it must be."""
    content = _read(path)
    name, weights = content["model"], content["state_dict"]
    if model is not None and name != model:
        raise Esp8kError(
            f"{path} holds a {name}, not a {model}",
            f"run: make train MODEL={model} (or use MODEL={name})",
        )
    _check_shapes(path, name, weights)
    digest = weights_hash(weights)
    if digest != content["weights_hash"]:
        raise Esp8kError(
            f"{path} is damaged: its weights hash to {digest[:16]}, "
            f"not to {content['weights_hash'][:16]}",
            f"run: make train MODEL={name}",
        )
    temperature = content.get("temperature")
    return Checkpoint(name, content["config"], weights, digest, temperature)


def read(path: Path) -> dict[str, Any]:
    """The dictionary in a file that torch wrote; no code in it is ever run."""
    if not path.exists():
        raise Esp8kError(f"{path} does not exist", "run: make train")
    again = "run make train again"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise Esp8kError(f"{path} is damaged or no checkpoint", again) from error
    except pickle.UnpicklingError as error:
        raise Esp8kError(f"{path} is damaged or no checkpoint", again) from error
    if not isinstance(content, dict):
        raise Esp8kError(f"{path} is no checkpoint of this project", again)
    return content


def _read(path: Path) -> dict[str, Any]:
    """A checkpoint's dictionary, complete and of our format."""
    content = read(path)
    again = "run make train again"
    wanted = {"model", "config", "state_dict", "weights_hash"}
    if not wanted <= content.keys():
        raise Esp8kError(f"{path} is no checkpoint of this project", again)
    if content.get("format") != FORMAT:
        found = content.get("format")
        raise Esp8kError(f"{path} has format {found}, we read {FORMAT}", again)
    return content


def _check_shapes(path: Path, name: str, weights: dict[str, Tensor]) -> None:
    """The tensors must be exactly those of the architecture that the file names."""
    classes = classes_of(weights)
    expected = {k: v.shape for k, v in models.build(name, classes).state_dict().items()}
    found = {k: v.shape for k, v in weights.items()}
    if expected == found:
        return
    differing = [k for k in expected if found.get(k) != expected[k]]
    extra = [k for k in found if k not in expected]
    raise Esp8kError(
        f"{path} is of another architecture than {name}: tensor "
        f"{(differing + extra)[0]} does not fit",
        f"run: make train MODEL={name}",
    )
