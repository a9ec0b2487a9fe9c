"""Random affine views of a whole batch at once.

Rotation, scale, shear and shift are drawn for each image; one matrix product makes
the sampling grid of the batch, one bilinear gather reads it. No worker processes, no
loop over images: an epoch's worth costs a few seconds of one core.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor


@dataclass(frozen=True)
class Affine:
    """How far an augmented view may be from the image."""

    degrees: float = 6.0  # rotation, uniform in plus or minus this many degrees
    scale: float = 0.06  # scale, uniform in 1 plus or minus this
    shear: float = 0.0  # shear, uniform in plus or minus this (tangent)
    shift: float = 1.0  # shift, uniform in plus or minus this many pixels


def matrices(count: int, affine: Affine, generator: torch.Generator) -> Tensor:
    """(count, 2, 3) maps from output to input coordinates, both in -1..1."""
    draws = torch.rand(6, count, generator=generator, device="cpu") * 2 - 1
    angle = draws[0] * math.radians(affine.degrees)
    scale_x = 1 + draws[1] * affine.scale
    scale_y = 1 + draws[2] * affine.scale
    shear = draws[3] * affine.shear
    shift = draws[4:6] * (affine.shift * 2 / 28)
    cos, sin = angle.cos(), angle.sin()
    rows = (
        torch.stack([cos * scale_x, (shear * cos - sin) * scale_y, shift[0]], 1),
        torch.stack([sin * scale_x, (shear * sin + cos) * scale_y, shift[1]], 1),
    )
    return torch.stack(rows, 1)


def grid(theta: Tensor, side: int) -> Tensor:
    """Where each pixel of the output is read, (count, side, side, 2) in -1..1.

    `functional.affine_grid` says the same by small matrix products, which take longer
    than the sampling itself.
    """
    middle = (torch.arange(side, device=theta.device) * 2 + 1) / side - 1
    # x + iy: one addition for both coordinates.
    across, down, shift = torch.view_as_complex(theta.mT.contiguous()).unbind(1)
    columns, rows = middle * across[:, None], middle * down[:, None] + shift[:, None]
    return torch.view_as_real(rows[:, :, None] + columns[:, None])


def augment(images: Tensor, affine: Affine, generator: torch.Generator) -> Tensor:
    """One random view of each image; (N, 1, H, W) floats with background 0."""
    theta = matrices(len(images), affine, generator).to(images.device)
    return functional.grid_sample(
        images, grid(theta, images.shape[-1]), mode="bilinear", align_corners=False
    )
