"""Which layers of a net our C can do, and what it must know of them."""

from dataclasses import dataclass

from torch import nn

from training.fused.library import ROWS, SIZES, WIDEST

_FOLLOWERS = (nn.BatchNorm2d, nn.MaxPool2d, nn.LeakyReLU, nn.ReLU, nn.Flatten)


@dataclass(frozen=True)
class Stage:
    """One layer of fused.c: a convolution (or linear layer) and what follows it."""

    core: nn.Conv2d | nn.Linear
    norm: nn.BatchNorm2d | None
    slope: float  # of the leaky ReLU; 1: none
    flat: bool  # (N, values) leave it, not (N, channels, rows, columns)
    sizes: dict[str, int]

    def parameters(self) -> list[nn.Parameter | None]:
        """In the order of `PARAMETERS`."""
        norm = self.norm
        affine = (None, None) if norm is None else (norm.weight, norm.bias)
        return [self.core.weight, self.core.bias, *affine]


def split(model: nn.Module) -> tuple[list[Stage], nn.Sequential]:
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
    inner = (channels, side, side, outputs, kernel, kernel, stride, padding, rows, rows)
    named = dict(zip(SIZES, (*inner, *window, out, out), strict=True))
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
