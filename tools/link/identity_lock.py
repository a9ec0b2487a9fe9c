"""The identity lock: host and device are compared only if both have one model.

Its identity is that of the converted network, quantized graph and weights: two
calibrations of one checkpoint are two models.
"""

import math
from pathlib import Path
from typing import Any

from core.errors import CheckFailed, Esp8kError
from core.manifest import json_object
from core.words import ENGINES
from tools.link.client import Device
from tools.link.messages import DeviceIdentity
from tools.link.schema import Malformed


def require_identity(device: Device, model_dir: Path) -> None:
    """Refuse a device that runs another converted network than `model_dir` holds."""
    path = model_dir / "plan.json"
    try:
        if not path.exists():
            raise FileNotFoundError
        plan = json_object(path)
        weights, expected = str(plan["weights_hash"]), int(plan["identity_crc"])
        stages = {e: [s for s in plan["stages"] if s["engine"] == e] for e in ENGINES}
        classes = {e: math.prod(s[-1]["shape"]) for e, s in stages.items() if s}
    except FileNotFoundError:
        model = model_dir.name
        raise Esp8kError(
            f"{path} is missing: {model} is not exported",
            f"run: make export MODEL={model}",
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise Esp8kError(f"{path} is damaged ({error})", "run: make export") from None
    runs = device.identity
    if runs.identity_crc != expected:
        raise CheckFailed(
            f"the device runs {runs.model} {runs.identity_crc:08x} of the weights "
            f"{runs.weights_hash[:16]}, this folder holds {model_dir.name} "
            f"{expected:08x} of the weights {weights[:16]}",
            flash_again(model_dir.name),
        )
    for engine, count in classes.items():
        _require_engine(runs, engine, stages[engine], count)


def flash_again(model: str) -> str:
    """The cure where a device runs another network than build/<model> holds."""
    return f"bring them together: make flash MODEL={model}, and this BOARD or PORT"


def _require_engine(
    runs: DeviceIdentity, engine: str, stages: list[Any], classes: int
) -> None:
    """One identity, one network: what else it says must fit to it."""
    name = f"it runs {runs.model} {runs.identity_crc:08x}"
    if engine not in runs.engines:
        raise Malformed("HELLO", f"{name}, but without the engine {engine}")
    if runs.stages(engine) != len(stages):
        told = f"{runs.stages(engine)} stages of {engine}, not {len(stages)}"
        raise Malformed("HELLO", f"{name}, but with {told}")
    if runs.classes != classes:
        raise Malformed("HELLO", f"{name}, but with {runs.classes} classes")
