"""The identity lock: host and device are compared only if both have one model."""

import json
from pathlib import Path

from core.errors import CheckFailed, Esp8kError
from tools.link.client import Device


def require_identity(device: Device, model_dir: Path) -> None:
    """Refuse a device that runs other weights than `model_dir`."""
    path = model_dir / "plan.json"
    try:
        expected = str(json.loads(path.read_text())["weights_hash"])
    except FileNotFoundError:
        model = model_dir.name
        raise Esp8kError(
            f"{path} is missing: {model} is not exported",
            f"run: make export MODEL={model}",
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise Esp8kError(f"{path} is damaged ({error})", "run: make export") from None
    runs = device.identity.weights_hash
    if runs != expected:
        raise CheckFailed(
            f"the device runs {device.identity.model} {runs[:16]}, "
            f"this folder holds {model_dir.name} {expected[:16]}",
            f"bring them together: make flash MODEL={model_dir.name}",
        )
