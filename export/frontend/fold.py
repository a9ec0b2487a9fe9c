"""Fold what inference does not need into the convolutions, in float64.

    from export.frontend.fold import fold
    plain = fold(model, mean=MEAN, std=STD)   # takes pixel / 255

Three rewrites of the same function: batch norm and the input's (x - mean) / std
become part of the neighbouring weights, and a max-pool that follows a LeakyReLU
moves before it (both are monotone, so they commute; the activation then works on a
quarter of the pixels and the arena is smaller). ReLU stays where it is: it fuses
into its convolution.
"""

import copy

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from core.errors import Esp8kError

LEAKY = (nn.LeakyReLU, F.leaky_relu)
MAX_POOL = (nn.MaxPool2d, F.max_pool2d)


def fold(model: nn.Module, mean: float, std: float) -> nn.Module:
    """The same function of pixel / 255 as `model` is of (pixel / 255 - mean) / std."""
    graph = fx.symbolic_trace(copy.deepcopy(model).double().eval())
    _fold_batch_norm(graph)
    _fold_input(graph, mean, std)
    _pool_first(graph)
    graph.delete_all_unused_submodules()
    graph.graph.lint()
    graph.recompile()
    return graph.float().eval()


def _module(graph: fx.GraphModule, node: object) -> nn.Module | None:
    if isinstance(node, fx.Node) and node.op == "call_module":
        return graph.get_submodule(str(node.target))
    return None


def _is(graph: fx.GraphModule, node: object, kinds: tuple[object, ...]) -> bool:
    module = _module(graph, node)
    if module is not None:
        return type(module) in kinds
    return (
        isinstance(node, fx.Node)
        and node.op == "call_function"
        and node.target in kinds
    )


def _replace(graph: fx.GraphModule, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(graph.get_submodule(parent), leaf, module)


def _fold_batch_norm(graph: fx.GraphModule) -> None:
    """Conv or Linear, then BatchNorm: one layer."""
    for node in list(graph.graph.nodes):
        norm = _module(graph, node)
        if not isinstance(norm, nn.BatchNorm2d | nn.BatchNorm1d):
            continue
        source = node.args[0]
        layer = _module(graph, source)
        if len(source.users) > 1 or not isinstance(layer, nn.Conv2d | nn.Linear):
            continue  # stays a batch norm; the converter makes it a MUL and an ADD
        if isinstance(layer, nn.Conv2d):
            fused: nn.Module = fuse_conv_bn_eval(layer, norm)
        else:
            fused = fuse_linear_bn_eval(layer, norm)
        _replace(graph, str(source.target), fused)
        node.replace_all_uses_with(source)
        graph.graph.erase_node(node)


def _fold_input(graph: fx.GraphModule, mean: float, std: float) -> None:
    """(x - mean) / std before the first layer becomes part of its weights."""
    start = next(n for n in graph.graph.nodes if n.op == "placeholder")
    users = list(start.users)
    layer = _module(graph, users[0]) if len(users) == 1 else None
    if not isinstance(layer, nn.Conv2d | nn.Linear):
        raise Esp8kError(
            "the input's normalisation cannot be folded: the model does not begin "
            "with one convolution or linear layer",
            "begin the model with a Conv2d",
        )
    if isinstance(layer, nn.Conv2d) and layer.padding not in ((0, 0), "valid"):
        raise Esp8kError(
            "the input's normalisation cannot be folded into a padded convolution: "
            "its border is the mean pixel, not black",
            "give the first Conv2d padding=0",
        )
    axes = tuple(range(1, layer.weight.ndim))
    with torch.no_grad():
        shift = layer.weight.sum(dim=axes) * (mean / std)
        bias = torch.zeros_like(shift) if layer.bias is None else layer.bias
        layer.bias = nn.Parameter(bias - shift)
        layer.weight /= std


def _pool_first(graph: fx.GraphModule) -> None:
    """LeakyReLU, then max-pool: the pool moves before the activation."""
    for pool in list(graph.graph.nodes):
        if not _is(graph, pool, MAX_POOL):
            continue
        leaky = pool.args[0]
        if not _is(graph, leaky, LEAKY) or len(leaky.users) > 1:
            continue
        if _slope(graph, leaky) < 0:
            continue  # not monotone: the two do not commute
        pool.replace_all_uses_with(leaky)
        pool.replace_input_with(leaky, leaky.args[0])
        leaky.replace_input_with(leaky.args[0], pool)
        pool.append(leaky)


def _slope(graph: fx.GraphModule, leaky: fx.Node) -> float:
    module = _module(graph, leaky)
    if isinstance(module, nn.LeakyReLU):
        return module.negative_slope
    given = (*leaky.args[1:2], leaky.kwargs.get("negative_slope", 0.01))[0]
    assert isinstance(given, float)
    return given
