"""A torch module that a user's own function gives, as ONNX.

proto = torch_module.exported("net.py:build", (1, 1, 28, 28))
"""

import importlib
import sys
from pathlib import Path
from typing import Any

from core.errors import Esp8kError


def exported(source: str, shape: tuple[int, ...]) -> bytes:
    """The ONNX model of `module:function` for an input of that shape."""
    import torch
    from torch import nn

    from export.frontend.onnx_export import export_onnx

    name, _, function = source.rpartition(":")
    module = _called(name, function)
    if not isinstance(module, nn.Module):
        what = f"{source} gives a {type(module).__name__}, no torch.nn.Module"
        raise Esp8kError(what, "let the function return the trained module")
    try:
        with torch.inference_mode():
            return export_onnx(module.eval(), shape)
    except Exception as error:  # torch.onnx raises whatever it meets
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise Esp8kError(
            f"PyTorch cannot export {source}: {reason}",
            "make torch.onnx.export(module, (example,), 'model.onnx') work first",
        ) from error


def _called(name: str, function: str) -> Any:
    """What the user's own function gives; a file or a module's name."""
    path = Path(name)
    if path.suffix == ".py" and path.exists():
        sys.path.insert(0, str(path.resolve().parent))
        name = path.stem
    else:
        sys.path.insert(0, "")
    try:
        return getattr(importlib.import_module(name), function)()
    except (ImportError, AttributeError) as error:
        raise Esp8kError(
            f"there is no {name}:{function}: {error}",
            "run it in the folder of the module; name it as module:function",
        ) from error
    except Exception as error:  # the user's own code
        raise Esp8kError(
            f"{name}:{function} raises {type(error).__name__}: {error}",
            "it is called without arguments",
        ) from error
