"""How much faster than the stock way a pass over the images is.

    esp8k bench-train           # or: make bench-train

Stock: torchvision's MNIST class, one transform pipeline an image (RandomAffine,
ToTensor, Normalize), a DataLoader, torch's own layers. Ours: all images in one tensor,
a batch augmented at once, the layers in `fused.c` where there is a compiler. Same
model, optimizer, batch, augmentation and thread count, rounds of both in turn in one
process; processor time, the best round of each, counts.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from core.cli import THREADS, parse, require_range
from core.paths import build_root
from core.program import run
from core.text import for_json
from core.words import ModelName
from training import data, models
from training.augment import augment
from training.fit import Trainer, normalise, prepare
from training.recipes import recipe
from training.soap import Soap
from training.vision import torchvision

Batches = Iterator[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Config:
    """Options of `esp8k bench-train`."""

    model: ModelName = "v2"  # which network
    images: int = 3_200  # images a round
    rounds: int = 3  # rounds of each way, in turn
    threads: int = 1  # for both ways
    json: bool = False  # print JSON


@dataclass(frozen=True)
class Speed:
    """Images a second of processor time."""

    stock_input: float  # loading and augmenting alone
    our_input: float
    stock_training: float  # with the model's step
    our_training: float

    @property
    def input_ratio(self) -> float:
        """Ours over stock, loading and augmenting."""
        return self.our_input / self.stock_input

    @property
    def training_ratio(self) -> float:
        """Ours over stock, whole training steps."""
        return self.our_training / self.stock_training


def stock_batches(config: Config) -> Batches:
    """The way of every tutorial."""
    vision = torchvision()
    chosen = recipe(config.model, teacher=False)
    affine = chosen.affine
    share = affine.shift / 28
    transforms = vision.transforms.Compose(
        [
            vision.transforms.RandomAffine(
                affine.degrees,
                translate=(share, share),
                scale=(1 - affine.scale, 1 + affine.scale),
                interpolation=vision.transforms.InterpolationMode.BILINEAR,
            ),
            vision.transforms.ToTensor(),
            vision.transforms.Normalize((data.MEAN,), (data.STD,)),
        ]
    )
    root = str(build_root() / "data")
    images = vision.datasets.MNIST(root, train=True, transform=transforms)
    part = Subset(images, range(config.images))
    yield from DataLoader(part, batch_size=chosen.batch, shuffle=True)


def our_batches(config: Config, images: Tensor, labels: Tensor) -> Batches:
    """What `training.fit` does."""
    chosen = recipe(config.model, teacher=False)
    random = torch.Generator().manual_seed(0)
    for part in torch.randperm(config.images, generator=random).split(chosen.batch):
        yield normalise(augment(images[part], chosen.affine, random)), labels[part]


def measure(config: Config) -> Speed:
    """Rounds of all four in turn; the best of each."""
    torch.set_num_threads(config.threads)
    loaded = data.load()
    images = prepare(loaded.train_images[: config.images])
    labels = torch.from_numpy(loaded.train_labels[: config.images]).long()
    torch.manual_seed(0)
    chosen = recipe(config.model, teacher=False)
    trainer = Trainer(
        models.build(config.model),
        loaded.train_images[: config.images],
        loaded.train_labels[: config.images],
        chosen,
        seed=0,
    )
    model = models.build(config.model)
    optimizer: torch.optim.Optimizer = torch.optim.AdamW(model.parameters())
    if chosen.optimizer == "soap":  # torch has none
        optimizer = Soap(model.parameters(), chosen.peak)

    def ours() -> Batches:
        return our_batches(config, images, labels)

    def stock() -> Batches:
        return stock_batches(config)

    ways: list[Callable[[], None]] = [
        lambda: _drain(stock()),
        lambda: _drain(ours()),
        lambda: train_plainly(model, optimizer, stock()),
        lambda: _step(trainer, ours()),
    ]
    best = [float("inf")] * len(ways)
    for _ in range(config.rounds):
        for index, way in enumerate(ways):
            start = time.process_time()
            way()
            best[index] = min(best[index], time.process_time() - start)
    return Speed(*(config.images / seconds for seconds in best))


def _drain(batches: Batches) -> None:
    for _ in batches:
        pass


def _step(trainer: Trainer, batches: Batches) -> None:
    trainer.model.train()
    for views, labels in batches:
        trainer.step(views, labels)


def train_plainly(
    model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches
) -> None:
    """One pass as torch itself would make it."""
    model.train()
    for views, labels in batches:
        loss = functional.cross_entropy(model(views), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    config = parse(Config, argv, "bench-train", __doc__ or "")
    require_range(config, images=(1, 60_000), rounds=(1, 1_000), threads=THREADS)
    speed = measure(config)
    if config.json:
        ratios = {"input": speed.input_ratio, "training": speed.training_ratio}
        print(for_json({**asdict(config), **asdict(speed), "ratios": ratios}, None))
        return
    print(f"{config.model}, {config.threads} thread(s), images a second:")
    for title, stock, ours in (
        ("loading and augmenting", speed.stock_input, speed.our_input),
        ("whole training steps", speed.stock_training, speed.our_training),
    ):
        print(
            f"{title:<24} stock {stock:9,.0f}  ours {ours:9,.0f}  {ours / stock:.1f}x"
        )


if __name__ == "__main__":
    run(main)
