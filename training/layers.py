"""A network from a line of text, one word a layer.

    network("c10 c10p4 c14 c18p4 c16 fc")

`c10` is a convolution 3x3 to 10 channels without bias or padding, batch norm and leaky
ReLU; `d` depthwise, `w16` pointwise, `r` residual. Behind it `k5` kernel size, `s2`
stride, `a1` padding, `p` max pool 2x2 (`p4`: windows of 4x4 that overlap, every second
place, the outer ones half over the border; `p3v`: of 3x3, none over the border). Last
`fc`, a linear layer on all values, or `gap`, one on their means.

The pool stands before the activation: a monotone function commutes with max, and so it
runs on a quarter of the values, in training as on the chip. No bias before batch norm,
which has its own: parameters that buy channels.
"""

import re

from torch import Tensor, nn

from core.errors import Esp8kError
from core.pixels import SIDE

CLASSES = 10  # where nothing else is said
_WORD = re.compile(
    r"(?P<kind>[cdwr])(?P<width>\d*)(?P<rest>(?:[ksa]\d+)*)(?P<pool>(?:p\d?v?)?)"
)


class Residual(nn.Module):
    """x + leaky ReLU(batch norm(convolution(x)))."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.act = nn.LeakyReLU(0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) to the same shape."""
        added: Tensor = self.act(self.norm(self.conv(x)))
        return x + added


def network(spec: str, classes: int = CLASSES) -> nn.Sequential:
    """The layers that a spec names."""
    layers: list[nn.Module] = []
    width, side = 1, SIDE
    for word in spec.split():
        if word == "fc":
            layers += [nn.Flatten(), nn.Linear(width * side * side, classes)]
        elif word == "gap":
            layers += [nn.AvgPool2d(side), nn.Flatten(), nn.Linear(width, classes)]
        else:
            added, width, side = _layer(word, width, side)
            layers += added
    return nn.Sequential(*layers)


def _layer(word: str, width: int, side: int) -> tuple[list[nn.Module], int, int]:
    """One word's layers, and the width and side that they leave."""
    match = _WORD.fullmatch(word)
    if match is None:
        raise Esp8kError(
            f"no layer {word!r}", "the words are explained in training/layers.py"
        )
    kind = match["kind"]
    sizes = {t[0]: int(t[1:]) for t in re.findall(r"[ksa]\d+", match["rest"])}
    kernel = sizes.get("k", 1 if kind == "w" else 3)
    stride, padding = sizes.get("s", 1), sizes.get("a", 0)
    outputs = int(match["width"] or width)
    if kind == "r":
        return [Residual(width, kernel)], width, side
    groups = width if kind == "d" else 1
    conv = nn.Conv2d(width, outputs, kernel, stride, padding, 1, groups, bias=False)
    side = (side + 2 * padding - kernel) // stride + 1
    layers: list[nn.Module] = [conv, nn.BatchNorm2d(outputs)]
    if match["pool"]:
        window = int(match["pool"].strip("pv") or 2)
        border = 0 if match["pool"].endswith("v") else (window - 1) // 2
        layers.append(nn.MaxPool2d(window, 2, border))
        side = (side + 2 * border - window) // 2 + 1
    return [*layers, nn.LeakyReLU(0.01)], outputs, side
