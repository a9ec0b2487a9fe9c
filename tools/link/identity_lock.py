"""The identity lock: host and device are compared only if both have one model.

Its identity is that of the converted network, quantized graph and weights: two
calibrations of one checkpoint are two models.
"""

import json
from pathlib import Path

from core.errors import CheckFailed, Esp8kError
from tools.link.client import Device


def require_identity(device: Device, model_dir: Path) -> None:
    """Refuse a device that runs another converted network than `model_dir` holds."""
    path = model_dir / "plan.json"
    try:
        plan = json.loads(path.read_text())
        weights, expected = str(plan["weights_hash"]), int(plan["identity_crc"])
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
            f"bring them together: make flash MODEL={model_dir.name}",
        )
