"""Import torchvision beside the CPU build of torch.

PyPI's torchvision is a CUDA build. Its compiled half does not load beside a CPU
torch, and the import then dies on two operators that nobody registered. We need
neither (data sets and transforms are plain Python): declaring their schemas makes
the import work. Done only when the import fails in exactly that way.
"""

import importlib
import sys
from types import ModuleType

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_libraries: list[torch.library.Library] = []  # a schema lives as long as its library


def torchvision() -> ModuleType:
    """The torchvision package, whichever build of torch is installed."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # half-imported
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS.values():
        library.define(schema)
    _libraries.append(library)
    return importlib.import_module("torchvision")
