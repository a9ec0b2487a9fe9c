"""The networks: v1, v2, v3 and v3-small, all below 8,000 trainable parameters.

Every model takes normalised floats (N, 1, 28, 28) and gives logits (N, classes), ten
unless a data set has other classes. Only
operations that the int8 export knows bit for bit are used: convolution, max pool,
leaky ReLU, ReLU, flatten, linear; batch norm folds away at export.

    esp8k models         # parameters and MACs of each
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from core.cli import parse
from core.errors import Esp8kError
from core.pixels import SIDE
from core.program import run
from core.text import for_json
from core.words import MODELS
from training.layers import CLASSES, network

EXPORTED = (  # what both engines have kernels for
    nn.Sequential,
    nn.Conv2d,
    nn.BatchNorm2d,
    nn.MaxPool2d,
    nn.ReLU,
    nn.LeakyReLU,
    nn.Flatten,
    nn.Linear,
)
LIMIT = 8_000  # trainable parameters a model must stay below


def _block(inputs: int, outputs: int, pool: bool = False) -> list[nn.Module]:
    """3x3 convolution without padding, batch norm, max pool if wanted, leaky ReLU."""
    return [
        nn.Conv2d(inputs, outputs, 3),
        nn.BatchNorm2d(outputs),
        *([nn.MaxPool2d(2)] if pool else []),
        nn.LeakyReLU(0.01),
    ]


def _v1(classes: int = CLASSES) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3),  # (N, 8, 26, 26)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 8, 13, 13)
        nn.Conv2d(8, 8, 3),  # (N, 8, 11, 11)
        nn.ReLU(),
        nn.Conv2d(8, 16, 3),  # (N, 16, 9, 9)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 4, 4): the last row and column are dropped
        nn.Conv2d(16, 32, 3),  # (N, 32, 2, 2)
        nn.ReLU(),
        nn.Flatten(),  # (N, 128)
        nn.Linear(128, classes),
    )


def _v2(classes: int = CLASSES) -> nn.Sequential:
    return nn.Sequential(
        *_block(1, 8, pool=True),  # (N, 8, 13, 13)
        *_block(8, 8),  # (N, 8, 11, 11)
        *_block(8, 16, pool=True),  # (N, 16, 9, 9) -> (N, 16, 4, 4)
        *_block(16, 32),  # (N, 32, 2, 2)
        nn.Flatten(),  # (N, 128)
        nn.Linear(128, classes),
    )


BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "v1": _v1,
    "v2": _v2,
    # Two wide layers at full size, then two at half: few weights, much arithmetic.
    "v3": partial(network, "c10 c10p4 c14 c18p4 c16 fc"),
    # Most of the weights where the images are smallest: few multiplications.
    "v3-small": partial(network, "c6p c8 c16p c32 fc"),
}


def build(name: str, classes: int = CLASSES) -> nn.Module:
    """A freshly initialised model; the caller seeds torch first.

    What more than ten classes add to the last layer does not count for the limit.
    """
    if name not in BUILDERS:
        known = ", ".join(BUILDERS)
        cure = f"MODEL is one of: {known}"
        if name in MODELS:  # core/words.py knows it: half an entry
            cure = "it is named in core/words.py: build it in training/models.py, too"
        raise Esp8kError(f"there is no model {name!r}", cure)
    if name not in MODELS:
        raise Esp8kError(
            f"model {name!r} is half entered: it stands in training/models.py",
            "name it in core/words.py, too: ModelName, and MODELS follows",
        )
    model = BUILDERS[name](classes=classes)
    check_size(name, model if classes <= CLASSES else BUILDERS[name]())
    check_layers(name, model)
    return model


def check_size(name: str, model: nn.Module) -> None:
    """Refuse a model that breaks the project's one rule."""
    count = parameters(model)
    if count >= LIMIT:
        raise Esp8kError(
            f"model {name} has {count:,} parameters, the limit is below {LIMIT:,}",
            "make a layer narrower in training/models.py",
        )


def check_layers(name: str, model: nn.Module) -> None:
    """Refuse what trains but has no float16 kernel: better now than at export."""
    for layer in model.modules():
        grouped = isinstance(layer, nn.Conv2d) and layer.groups > 1
        if grouped or not isinstance(layer, EXPORTED):
            kind = "a convolution in groups" if grouped else type(layer).__name__
            raise Esp8kError(
                f"model {name} has a layer that float16 cannot export: {kind}",
                "of the words in training/layers.py c, w, p and fc can be exported",
            )


def parameters(model: nn.Module) -> int:
    """Trainable parameters, as PyTorch counts them."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def macs(model: nn.Module) -> int:
    """Multiply-accumulates of one image through the convolutions and linear layers."""
    total = 0

    def count(layer: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = layer.weight  # (O, I/groups, kh, kw) or (O, I)
        assert isinstance(weight, Tensor)
        total += output[0].numel() * weight[0].numel()

    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    training = model.training
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, 1, SIDE, SIDE))
    model.train(training)
    for hook in hooks:
        hook.remove()
    return total


@dataclass(frozen=True)
class Config:
    """Options of `esp8k models`."""

    json: bool = False  # print JSON


def main(argv: Sequence[str] | None = None) -> None:
    """Print the size of every model."""
    config = parse(Config, argv, "models", __doc__ or "")
    built = {name: build(name) for name in dict.fromkeys((*MODELS, *BUILDERS))}
    if config.json:
        sizes = {
            n: {"parameters": parameters(m), "macs": macs(m)} for n, m in built.items()
        }
        print(for_json(sizes, 1))
        return
    print(f"{'model':<10} {'parameters':>10} {'MACs':>10}")
    for name, model in built.items():
        print(f"{name:<10} {parameters(model):>10,} {macs(model):>10,}")


if __name__ == "__main__":
    run(main)
