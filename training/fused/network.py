"""A net's forward and backward pass by our own C, several times as fast as torch's.

    fused = fuse(model)           # None: not a net for it, or no C compiler
    logits = fused(images)        # then loss.backward() fills model's .grad as ever

The C runs the layers from the first on, up to one that it does not know; torch runs
what is left.

For training only; parameters and running statistics stay those of `model`, which
evaluates, saves and loads as before. Layers this small spend torch's time on shuffling
channels into the shapes that its kernels want; `fused.c` puts images side by side in
the vector registers instead. It is compiled on first use for this very processor.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from training.fused.library import CHANNELS, PARAMETERS, Layer, load
from training.fused.stages import Stage, split


def fuse(model: nn.Module) -> "Fused | None":
    """A training-mode `model` in C; None where that cannot be."""
    stages, tail = split(model)
    library = load() if stages else None
    return Fused(stages, tail, library) if library else None


class Fused:
    """Callable like the model: (N, 1, 28, 28) to (N, 10) logits."""

    def __init__(
        self, stages: list[Stage], tail: nn.Sequential, library: ctypes.CDLL
    ) -> None:
        self.stages, self.tail, self.library = stages, tail, library
        self.lanes = library.fused_lanes()
        self.present = [p for s in stages for p in s.parameters() if p is not None]
        found = [s.norm.num_batches_tracked for s in stages if s.norm]
        self.counters = [counter for counter in found if counter is not None]
        self.passes = 0  # a backward pass must follow the forward pass of its batch
        self.work: list[dict[str, Tensor]] = []
        self.batch = 0
        self.gradients = [torch.empty(p.shape) for p in self.present]
        norms = [s.norm for s in stages if s.norm]
        self.moving = [t for n in norms for t in (n.running_mean, n.running_var)]
        self.places: list[int] = []  # of what of the model `layers` points to
        self.layers: Any = None

    def __call__(self, images: Tensor) -> Tensor:
        """Logits that autograd can go back from."""
        apply: Callable[..., Tensor] = _Pass.apply
        logits: Tensor = self.tail(apply(images, self, *self.present))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """What the last stage gives; moves the running statistics on."""
        self._provide(len(images))
        self.passes += 1
        if self.counters:
            torch._foreach_add_(self.counters, 1)
        images = images.float().contiguous()
        last = self.stages[-1]
        shape = [last.sizes[k] for k in ("channels", "out_rows", "out_columns")]
        result = torch.empty(len(images), *shape)
        layers = self._layers()
        source = ctypes.c_void_p(images.data_ptr())
        target = ctypes.c_void_p(result.data_ptr())
        self.library.fused_forward(layers, len(layers), source, len(images), target)
        return result.flatten(1) if last.flat else result

    def backward(self, d_result: Tensor) -> list[Tensor]:
        """A gradient for each tensor of `present`."""
        d_result = d_result.float().contiguous()
        layers = self._layers()
        source = ctypes.c_void_p(d_result.data_ptr())
        self.library.fused_backward(layers, len(layers), source, len(d_result))
        return self.gradients

    def _layers(self) -> Any:
        """The C structures; made anew when the weights or the work space have moved."""
        places = [t.data_ptr() for t in (*self.present, *self.moving) if t is not None]
        if self.layers is None or places != self.places:
            self.layers, self.places = self._structures(), places
        return self.layers

    def _structures(self) -> Any:
        layers = (Layer * len(self.stages))()
        gradients = iter(self.gradients)
        for layer, stage, work in zip(layers, self.stages, self.work, strict=True):
            for name, size in stage.sizes.items():
                setattr(layer, name, size)
            layer.slope = stage.slope
            for name, tensor in work.items():
                setattr(layer, name, tensor.data_ptr())
            for name, parameter in zip(PARAMETERS, stage.parameters(), strict=True):
                if parameter is None:
                    continue
                if not parameter.is_contiguous():
                    raise RuntimeError(f"{name} is not contiguous, fused.c wants it so")
                setattr(layer, name, parameter.data_ptr())
                setattr(layer, f"d_{name}", next(gradients).data_ptr())
            if stage.norm:
                mean, variance = stage.norm.running_mean, stage.norm.running_var
                assert mean is not None and variance is not None  # see _usual()
                layer.momentum, layer.epsilon = stage.norm.momentum, stage.norm.eps
                layer.running_mean = mean.data_ptr()
                layer.running_variance = variance.data_ptr()
        return layers

    def _provide(self, batch: int) -> None:
        """Work space for a batch; all zero, because borders stay so."""
        if batch == self.batch:
            return
        blocks = -(-batch // self.lanes)
        self.batch, self.work, self.layers = batch, [], None
        for stage in self.stages:
            s = stage.sizes
            area = s["rows"] * s["columns"]
            width = s["in_columns"] + 2 * s["padding"]
            outputs = blocks * s["channels"] * s["out_rows"] * s["out_columns"]
            vectors = {
                "input": blocks * s["in_channels"] * s["in_rows"] * width,
                "sums": blocks * s["channels"] * area,
                "d_output": outputs,
                "picked": outputs if s["pool"] > 1 else 0,
                "d_sums": s["channels"]
                * s["rows"]
                * (s["in_columns"] + s["kernel_columns"] - 1),
            }
            work = {k: _aligned(v * self.lanes) for k, v in vectors.items()}
            work["packed"] = _aligned(stage.core.weight.numel())
            work |= {name: _aligned(s["channels"]) for name in CHANNELS}
            self.work.append(work)


class _Pass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, fused: Fused, *_parameters: Tensor) -> Tensor:
        logits = fused.forward(images)
        ctx.fused, ctx.passes = fused, fused.passes
        return logits

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        if ctx.passes != ctx.fused.passes:
            raise RuntimeError("another forward pass has overwritten this one's sums")
        return None, None, *ctx.fused.backward(gradients[0])


def _aligned(floats: int) -> Tensor:
    """Zeros that start where a whole vector may be loaded."""
    raw = torch.zeros(floats + 16)
    return raw[-raw.data_ptr() // 4 % 16 :][:floats]
