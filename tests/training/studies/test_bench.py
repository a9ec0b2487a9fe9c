"""What `esp8k bench-train` compares; how fast each way is, only the command says."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from training import models
from training.data import Data
from training.fit import Trainer, normalise, prepare
from training.fused.network import fuse
from training.recipes import recipe
from training.studies import bench

IMAGES = 256


class Calls(TorchDispatchMode):
    """Counts the operators that torch itself runs."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))

    def of(self, word: str) -> int:
        """How many calls have the word in their name."""
        return sum(word in name for name in self.names)


def counted(work: Callable[[], Any]) -> Calls:
    with Calls() as calls:
        work()
    return calls


@pytest.mark.parametrize("model", models.BUILDERS)
def test_no_layer_of_a_shipped_model_is_left_to_torch(model: str, mnist: Data) -> None:
    if fuse(models.build(model)) is None:
        pytest.skip("no C compiler: torch runs the layers of both ways")
    images, labels = mnist.train_images[:64], mnist.train_labels[:64]
    chosen = recipe(model, teacher=False)
    trainer = Trainer(models.build(model), images, labels, chosen, seed=0)
    views = normalise(prepare(images)), torch.from_numpy(labels).long()
    ours = counted(lambda: trainer.step(*views))
    plain = models.build(model).train()
    optimizer = torch.optim.AdamW(plain.parameters())
    stock = counted(lambda: bench.train_plainly(plain, optimizer, iter([views])))
    layers = ("convolution", "batch_norm", "max_pool", "addmm", "leaky_relu", "relu")
    assert [ours.of(layer) for layer in layers] == [0] * len(layers)
    assert stock.of("convolution") >= 4 and stock.of("max_pool") >= 2


def test_a_batch_is_augmented_by_one_call(mnist: Data) -> None:
    config = bench.Config(model="v2", images=IMAGES)
    images = prepare(mnist.train_images[:IMAGES])
    labels = torch.from_numpy(mnist.train_labels[:IMAGES]).long()
    ours = counted(lambda: list(bench.our_batches(config, images, labels)))
    assert ours.of("grid_sampler") == IMAGES / recipe("v2").batch


def test_both_ways_see_as_many_images_in_equal_batches(mnist: Data) -> None:
    config = bench.Config(model="v2", images=IMAGES)
    images = prepare(mnist.train_images[:IMAGES])
    labels = torch.from_numpy(mnist.train_labels[:IMAGES]).long()
    ours = list(bench.our_batches(config, images, labels))
    stock = list(bench.stock_batches(config))
    assert [views.shape for views, _ in ours] == [views.shape for views, _ in stock]
    seen = [torch.cat([labels for _, labels in way]) for way in (ours, stock)]
    assert torch.equal(seen[0].sort().values, seen[1].sort().values)
    for views, _ in (*ours, *stock):
        assert abs(float(views.mean())) < 0.2 and 0.8 < float(views.std()) < 1.2


def test_the_command_reports_all_four_speeds(capsys: pytest.CaptureFixture) -> None:
    bench.main(["--images", "128", "--rounds", "1", "--json"])
    report = json.loads(capsys.readouterr().out)
    ratios = report["ratios"]
    assert ratios["input"] == report["our_input"] / report["stock_input"]
    assert ratios["training"] == report["our_training"] / report["stock_training"]
    assert min(ratios.values()) > 0
