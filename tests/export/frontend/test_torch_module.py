"""A torch module becomes the ONNX model of its function, or is refused in its words."""

import sys
from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from export.frontend import torch_module
from export.frontend.onnx import files as onnx_files


@pytest.fixture(autouse=True)
def own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of a user's file is left at the head of the path."""
    monkeypatch.setattr(sys, "path", list(sys.path))


OWN = """
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune, weight_norm


class Changing(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.line, self.how, self.turn = nn.Linear(6, 3), how, 0
        self.register_buffer("last", torch.zeros(1, 3))

    def forward(self, x):
        y = self.line(x)
        if self.how == "buffer":
            self.last = torch.tanh(y + self.last)
            return self.last * 1.0
        if self.how == "count":
            self.turn += 1
            return y * self.turn
        return F.dropout(y, 0.5)


class Several(nn.Module):
    def forward(self, x, state, scale=1.0):
        return x + state * scale


class Deciding(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Divided(nn.Module):
    def forward(self, x):
        return F.avg_pool2d(x[:, None, None], (1, 2), divisor_override=3)


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.BatchNorm1d(6)]

    def forward(self, x):
        return self.layers[0](x[:, :, None].expand(-1, -1, 4))


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(6, 3)

    def forward(self, x):
        return self.line(x.double())


def buffer(): return Changing("buffer")
def count(): return Changing("count")
def dropout(): return Changing("dropout")
def several(): return Several()
def deciding(): return Deciding()
def listed(): return Listed()
def divided(): return Divided()
def mixed(): return Mixed()
def normed(): return nn.Sequential(weight_norm(nn.Linear(6, 3)), nn.Tanh())
def lazy(): return nn.Sequential(nn.LazyLinear(3), nn.Tanh())
def traced(): return torch.jit.trace(nn.Linear(6, 3), torch.zeros(1, 6))
def scripted(): return torch.jit.script(nn.Sequential(nn.Linear(6, 3), nn.ReLU()))
def pruned():
    line = nn.Linear(6, 3)
    prune.l1_unstructured(line, "weight", 0.5)
    return line


ready = nn.Linear(6, 3).eval()
"""


def exported(folder: Path, function: str, file: str = "own.py") -> bytes:
    (folder / file).write_text(OWN)
    return torch_module.exported(f"{folder / file}:{function}", (1, 6))


@pytest.mark.parametrize(
    "function", ["normed", "pruned", "lazy", "traced", "scripted", "ready"]
)
def test_a_module_may_be_made_in_many_ways(tmp_path: Path, function: str) -> None:
    raw = exported(tmp_path, function)
    (found,) = onnx_files.run(raw, (np.zeros((2, 6), np.float32),))
    assert found.shape == (2, 3)


@pytest.mark.parametrize("function", ["buffer", "count", "dropout"])
def test_what_changes_from_call_to_call_is_no_function(
    tmp_path: Path, function: str
) -> None:
    """The exporter drops a state silently."""
    with pytest.raises(Esp8kError, match="another answer the second time"):
        exported(tmp_path, function)


@pytest.mark.parametrize(
    ("function", "what", "hint"),
    [
        ("several", "takes several inputs: x, state", r"\.npz of all inputs"),
        ("deciding", "data-dependent", r"torch\.where"),
        ("listed", "mutated in the forward", "ModuleList"),
        ("divided", "off the PyTorch one", "divisor_override"),
        ("mixed", r"raises RuntimeError for an input.*dtype", "run it yourself"),
        ("absent", "there is no absent in .*own.py", "normed, lazy, traced"),
    ],
)
def test_what_is_wrong_with_a_module_is_told_in_a_line(
    tmp_path: Path, function: str, what: str, hint: str
) -> None:
    with pytest.raises(Esp8kError, match=what) as caught:
        exported(tmp_path, function)
    assert "\x1b" not in caught.value.message
    with pytest.raises(Esp8kError, match=hint):
        raise Esp8kError(caught.value.hint, "")


@pytest.mark.parametrize("file", ["export.py", "json.py", "net.v2.py"])
def test_a_file_may_be_called_as_what_is_loaded_already(
    tmp_path: Path, file: str
) -> None:
    assert exported(tmp_path, "ready", file)


def test_what_a_file_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import not_there_at_all\n")
    with pytest.raises(
        Esp8kError, match="No module named 'not_there_at_all'"
    ) as caught:
        torch_module.exported(f"{tmp_path / 'own.py'}:build", (1, 6))
    assert "install it" in caught.value.hint
