"""A torch module that a user's own function gives, as ONNX.

    proto = torch_module.exported("net.py:build", (1, 1, 28, 28))

The module is called before: what its first call makes is there then (lazy layers, the
weights of weight_norm and of pruning), and what the ONNX model gives is held to it. One
that answers otherwise the second time is no function of its input.
"""

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import Esp8kError
from export.frontend import beside
from export.frontend.onnx import files as onnx_files
from export.frontend.refusal import reason
from export.frontend.taken import alone

DRAWN = 4  # inputs that the module and its ONNX model are called with
STILL = 1e-6  # of the largest output: twice the same answer
SCRIPTED = 17  # the opset of what TorchScript's own exporter writes
WORKING = "make torch.onnx.export(module, (example,), 'model.onnx') work first"
HINTS = {  # by what PyTorch tells
    "data-dependent": "no if, while or .item() on a tensor's values: torch.where",
    "mutated in the forward": (
        "keep layers in an nn.ModuleList, not in a list, and tensors as buffers"
    ),
}
SEVERAL = (
    "export it: torch.onnx.export(module, (x, y), 'model.onnx', dynamo=True, "
    "external_data=False); of that file --calibration takes an .npz of all inputs"
)
DROPPED = (
    "its exporter leaves something out, as the divisor_override of avg_pool2d: write "
    "that in other operators"
)
CHANGING = (
    "return its state and take it as an input, as an .onnx of several inputs; "
    "functional dropout is F.dropout(x, p, self.training)"
)


def exported(source: str, shape: tuple[int, ...]) -> bytes:
    """The ONNX model of `module:function` for an input of that shape."""
    import torch
    from torch import nn

    name, _, function = source.rpartition(":")
    module = _called(name, function)
    if not isinstance(module, nn.Module):
        what = f"{source} gives a {type(module).__name__}, no torch.nn.Module"
        raise Esp8kError(what, "let the function return the trained module")
    _require_one_input(module, source)
    drawn = np.random.default_rng(0).uniform(-1, 1, (DRAWN, *shape[1:]))
    inputs = drawn.astype(np.float32)
    module = module.eval().float()
    with torch.no_grad():
        expected = _answers(module, source, inputs)
        _require_still(source, expected, _answers(module, source, inputs))
        raw = _onnx(module, source, shape)
    found = onnx_files.run(raw, (inputs,))
    if len(found) != len(expected):
        what = f"{source}: PyTorch exports {len(found)} of its {len(expected)} outputs"
        raise Esp8kError(what, "return tensors that depend on the input")
    first, other = (list(map(np.nan_to_num, ends)) for ends in (expected, found))
    beside.agree("PyTorch", first, other, DROPPED)
    return raw


def _require_one_input(module: Any, source: str) -> None:
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):  # of a scripted one
        return
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p.name for p in parameters if p.kind in plain and p.default is p.empty]
    if len(needed) > 1:
        what = f"forward of {source} takes several inputs: {', '.join(needed)}"
        raise Esp8kError(what, SEVERAL)


def _answers(module: Any, source: str, inputs: np.ndarray) -> list[np.ndarray]:
    """What the module gives, (N, ...) for each output."""
    import torch
    from torch.utils import _pytree as tree

    rows = []
    for one in inputs:
        try:
            found = module(torch.from_numpy(one[None].copy()))
        except Exception as error:  # the user's own code
            shape = f"(1, {', '.join(map(str, one.shape))})"
            raise Esp8kError(
                f"{source} raises {type(error).__name__} for an input of the shape "
                f"{shape}, float32: {reason(error)}",
                f"run it yourself: function()(torch.zeros{shape})",
            ) from error
        ends = [end for end in tree.tree_leaves(found) if torch.is_tensor(end)]
        rows.append([alone(end.numpy().astype(np.float64)) for end in ends])
    return [np.stack(parts) for parts in zip(*rows, strict=True)]


def _require_still(
    source: str, first: list[np.ndarray], again: list[np.ndarray]
) -> None:
    for one, other in zip(first, again, strict=True):
        bound = STILL * float(np.nanmax(np.abs(one), initial=1e-6))
        if not np.allclose(one, other, rtol=0, atol=bound, equal_nan=True):
            raise Esp8kError(
                f"{source} gives another answer the second time: it keeps a state "
                "from call to call, or draws at random",
                CHANGING,
            )


def _onnx(module: Any, source: str, shape: tuple[int, ...]) -> bytes:
    import torch

    from export.frontend.onnx_export import export_onnx, export_scripted

    try:
        if isinstance(module, torch.jit.ScriptModule):
            return export_scripted(module, shape, SCRIPTED)
        return export_onnx(module, shape)
    except Exception as error:  # torch.onnx raises whatever it meets
        why = reason(error.__cause__ or error)
        hint = next((h for key, h in HINTS.items() if key in why), WORKING)
        raise Esp8kError(f"PyTorch cannot export {source}: {why}", hint) from error


def _called(name: str, function: str) -> Any:
    """What the user's own function gives; a file or a module's name."""
    from torch import nn

    try:
        module = _imported(name)
    except ModuleNotFoundError as error:
        wanted = str(error.name)
        if name == wanted or name.startswith(f"{wanted}."):
            hint = "run it in the folder of the module; name it as module:function"
        else:
            hint = f"{name} imports {wanted}: install it beside esp8k"
        raise Esp8kError(f"there is no {name}:{function}: {error}", hint) from error
    except Exception as error:  # the user's own code
        what = f"{name} raises {type(error).__name__} when it is read: {error}"
        raise Esp8kError(what, f"python {name} has to work first") from error
    made = getattr(module, function, None)
    if made is None:
        own = (n for n, x in vars(module).items() if callable(x) and n[0] != "_")
        hint = f"it has {', '.join(own)}" if module.__file__ else "name a function"
        raise Esp8kError(f"there is no {function} in {name}", hint)
    if isinstance(made, nn.Module):
        return made
    try:
        return made()
    except Exception as error:  # the user's own code
        raise Esp8kError(
            f"{name}:{function} raises {type(error).__name__}: {error}",
            "it is called without arguments",
        ) from error


def _imported(name: str) -> Any:
    """A module; a file may be called as one that is loaded already."""
    path = Path(name)
    if path.suffix != ".py" or not path.exists():
        sys.path.insert(0, "")
        return importlib.import_module(name)
    sys.path.insert(0, str(path.resolve().parent))
    called = f"{path.stem}_given" if path.stem in sys.modules else path.stem
    spec = importlib.util.spec_from_file_location(called, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[called] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
