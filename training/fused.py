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
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.paths import build_root

SOURCE = Path(__file__).with_suffix(".c")
FLAGS = ("-std=gnu11", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math")
ROWS, WIDEST = 32, 256  # limits of fused.c: rows of a kernel, channels

_SIZES = (
    *("in_channels", "in_rows", "in_columns"),
    *("channels", "kernel_rows", "kernel_columns", "stride", "padding"),
    *("rows", "columns", "pool", "pool_stride", "pool_padding"),
    *("out_rows", "out_columns"),
)
_PARAMETERS = ("weight", "bias", "gamma", "beta")
_WORK = ("input", "sums", "d_output", "picked", "d_sums", "packed")
_CHANNELS = ("mean", "inverse", "scale", "shift")


class _Layer(ctypes.Structure):
    """`layer_t` of fused.c."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in _SIZES),
        *((name, ctypes.c_float) for name in ("slope", "momentum", "epsilon")),
        *((name, ctypes.c_void_p) for name in _PARAMETERS),
        *((name, ctypes.c_void_p) for name in ("running_mean", "running_variance")),
        *((f"d_{name}", ctypes.c_void_p) for name in _PARAMETERS),
        *((name, ctypes.c_void_p) for name in (*_WORK, *_CHANNELS)),
    ]


@dataclass(frozen=True)
class Stage:
    """One layer of fused.c: a convolution (or linear layer) and what follows it."""

    core: nn.Conv2d | nn.Linear
    norm: nn.BatchNorm2d | None
    slope: float  # of the leaky ReLU; 1: none
    flat: bool  # (N, values) leave it, not (N, channels, rows, columns)
    sizes: dict[str, int]

    def parameters(self) -> list[nn.Parameter | None]:
        """In the order of `_PARAMETERS`."""
        norm = self.norm
        affine = (None, None) if norm is None else (norm.weight, norm.bias)
        return [self.core.weight, self.core.bias, *affine]


def fuse(model: nn.Module) -> "Fused | None":
    """A training-mode `model` in C; None where that cannot be."""
    stages, tail = _stages(model)
    library = _library() if stages else None
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
        return self.tail(_Pass.apply(images, self, *self.present))

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
        self.library.fused_forward(
            *(layers, len(layers), ctypes.c_void_p(images.data_ptr())),
            *(len(images), ctypes.c_void_p(result.data_ptr())),
        )
        return result.flatten(1) if last.flat else result

    def backward(self, d_result: Tensor) -> list[Tensor]:
        """A gradient for each tensor of `present`."""
        d_result = d_result.float().contiguous()
        layers = self._layers()
        self.library.fused_backward(
            *(layers, len(layers), ctypes.c_void_p(d_result.data_ptr())), len(d_result)
        )
        return self.gradients

    def _layers(self) -> Any:
        """The C structures; made anew when the weights or the work space have moved."""
        places = [t.data_ptr() for t in (*self.present, *self.moving) if t is not None]
        if self.layers is None or places != self.places:
            self.layers, self.places = self._structures(), places
        return self.layers

    def _structures(self) -> Any:
        layers = (_Layer * len(self.stages))()
        gradients = iter(self.gradients)
        for layer, stage, work in zip(layers, self.stages, self.work, strict=True):
            for name, size in stage.sizes.items():
                setattr(layer, name, size)
            layer.slope = stage.slope
            for name, tensor in work.items():
                setattr(layer, name, tensor.data_ptr())
            for name, parameter in zip(_PARAMETERS, stage.parameters(), strict=True):
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
            work |= {name: _aligned(s["channels"]) for name in _CHANNELS}
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


# ==== Which layers there are ==================================================

_FOLLOWERS = (nn.BatchNorm2d, nn.MaxPool2d, nn.LeakyReLU, nn.ReLU, nn.Flatten)


def _stages(model: nn.Module) -> tuple[list[Stage], nn.Sequential]:
    """The layers of a net that fused.c can do, and the others behind them."""
    if not isinstance(model, nn.Sequential):
        return [], nn.Sequential()
    groups: list[list[nn.Module]] = []
    for module in model:
        if not groups or not isinstance(module, _FOLLOWERS):
            groups.append([])
        groups[-1].append(module)
    channels, side = 1, 28
    stages: list[Stage] = []
    for group in groups:
        stage = _stage(group, channels, side)
        if stage is None:
            break
        stages.append(stage)
        channels, side = stage.sizes["channels"], stage.sizes["out_rows"]
    return stages, nn.Sequential(*sum(groups[len(stages) :], []))


def _stage(group: list[nn.Module], channels: int, side: int) -> Stage | None:
    """What one convolution and its followers come to; None: not for fused.c."""
    core, *rest = group
    pools = [module for module in rest if isinstance(module, nn.MaxPool2d)]
    found = {type(module): module for module in rest}
    if len(found) + max(len(pools) - 1, 0) != len(rest):
        return None
    kernel, stride, padding = side, 1, 0
    if isinstance(core, nn.Conv2d):
        kernel, stride, padding = _square(core)
    elif not isinstance(core, nn.Linear) or core.in_features != channels * side * side:
        return None
    norm = found.get(nn.BatchNorm2d)
    if not (norm is None or (norm is rest[0] and _usual(norm))):
        return None
    window = _window(pools)
    if window is None:
        return None
    outputs = core.weight.shape[0]
    if not 0 <= padding < kernel <= ROWS or outputs > WIDEST:
        return None
    rows = (side + 2 * padding - kernel) // stride + 1
    out = (rows + 2 * window[2] - window[0]) // window[1] + 1
    slope = 0.0 if nn.ReLU in found else 1.0
    if isinstance(leaky := found.get(nn.LeakyReLU), nn.LeakyReLU):
        slope = leaky.negative_slope
    sizes = (
        *(channels, side, side, outputs, kernel, kernel, stride, padding, rows, rows),
        *(*window, out, out),
    )
    named = dict(zip(_SIZES, sizes, strict=True))
    flat = isinstance(core, nn.Linear) or nn.Flatten in found
    norm = norm if isinstance(norm, nn.BatchNorm2d) else None
    return Stage(core, norm, slope, flat, named)


def _window(pools: list[nn.MaxPool2d]) -> tuple[int, int, int] | None:
    """Size, stride and padding of square max pools in a row, which are one max pool.

    The activation may stand between them: it is monotone. None: not for fused.c.
    """
    size, stride, padding = 1, 1, 0
    for pool in pools:
        k, step, border = pool.kernel_size, pool.stride, pool.padding
        if not (
            isinstance(k, int) and isinstance(step, int) and isinstance(border, int)
        ):
            return None
        if pool.dilation != 1 or pool.ceil_mode or pool.return_indices:
            return None
        if border and stride > 1:  # it would lie between the pixels
            return None
        size, padding, stride = size + (k - 1) * stride, padding + border, stride * step
    return size, stride, padding


def _square(core: nn.Conv2d) -> tuple[int, int, int]:
    """Kernel, stride, padding where each is one number, else a kernel of 0."""
    if core.groups != 1 or core.dilation != (1, 1) or isinstance(core.padding, str):
        return 0, 1, 0
    pairs = (core.kernel_size, core.stride, core.padding)
    if any(a != b for a, b in pairs):
        return 0, 1, 0
    kernel, stride, padding = (pair[0] for pair in pairs)
    return kernel, stride, padding


def _usual(norm: nn.Module) -> bool:
    """Whether batch norm has weights, and statistics that move at a fixed rate."""
    assert isinstance(norm, nn.BatchNorm2d)
    return bool(norm.affine and norm.track_running_stats and norm.momentum)


# ==== The compiled half =======================================================


@cache
def _library() -> ctypes.CDLL | None:
    """fused.c, compiled for this processor; None where there is no C compiler."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    kept = build_root() / "fused"
    key = "\n".join([SOURCE.read_text(), *FLAGS, compiler, *_processor()])
    target = kept / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
    if not target.exists():
        kept.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.{os.getpid()}.part")
        command = [compiler, *FLAGS, "-shared", "-fPIC", str(SOURCE), "-lm"]
        try:
            done = subprocess.run(
                [*command, "-o", str(partial)], capture_output=True, text=True
            )
        except OSError:
            return None
        if done.returncode != 0:
            print("note: training/fused.c did not compile here:", file=sys.stderr)
            print(done.stderr, file=sys.stderr)
            return None
        partial.replace(target)
    library = ctypes.CDLL(str(target))
    if library.fused_layer_bytes() != ctypes.sizeof(_Layer):
        raise RuntimeError("fused.py and fused.c disagree about layer_t")
    return library


def _processor() -> Iterator[str]:
    """What decides which instructions -march=native means."""
    yield platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    yield from sorted({line for line in lines if line.startswith(("model", "flags"))})
