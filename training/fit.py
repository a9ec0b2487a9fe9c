"""The training loop: arrays in, weights out, no files and no printing.

Every epoch shows each image exactly once, in one random view. The result is the last
weights of the run: an exponential moving average (EMA) over its own steps, or the raw
ones where `ema` is 0. Nothing is ever selected by a test accuracy.

Everything random comes from generators seeded with (seed, epoch), so a run that is
resumed at an epoch ends with the same bytes as one that was never interrupted.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from core.errors import Esp8kError
from training.augment import augment
from training.data import MEAN, STD
from training.fused.network import fuse
from training.schedule import Recipe, schedule
from training.soap import Soap


class Hints(Protocol):
    """A teacher."""

    def __call__(self, views: Tensor) -> Tensor:
        """Normalised (N, 1, 28, 28) to logits (N, 10)."""

    def record(self) -> dict[str, Any]:
        """What a result of its student says of it."""


@dataclass(frozen=True)
class Epoch:
    """What one pass over the images gave."""

    epoch: int  # 1, 2, ...
    loss: float  # mean training loss over the pass
    train_accuracy: float  # percent, of the augmented views while training
    accuracy: float | None  # percent on the evaluation images, with the final weights
    learning_rate: float  # at the end of the pass
    seconds: float  # of this pass, without the evaluation


Step = Callable[[int, int, float], None]  # (step, steps, loss so far) at times


def prepare(images: np.ndarray) -> Tensor:
    """uint8 (N, 28, 28) to floats (N, 1, 28, 28) in 0..1."""
    return torch.from_numpy(images).unsqueeze(1).float().div_(255)


def normalise(images: Tensor) -> Tensor:
    """0..1 to what the models expect."""
    return images.sub(MEAN).div_(STD)


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Percent right of normalised images (N, 1, 28, 28) with labels (N,)."""
    return 100 * float((logits(model, images).argmax(1) == labels).float().mean())


def logits(model: nn.Module, images: Tensor, batch: int = 500) -> Tensor:
    """(N, 10) logits in evaluation mode; the model's mode is restored."""
    mode = model.training
    model.eval()
    with torch.inference_mode():
        result = torch.cat([model(part) for part in images.split(batch)])
    model.train(mode)
    return result


def distillation(output: Tensor, hints: Tensor, soften: float) -> Tensor:
    """How far the student's probabilities are from the teacher's, both softened.

    Both are logits (N, classes). Kullback-Leibler divergence, the mean over N, times
    soften^2 so that its gradients keep their size.
    """
    student = functional.log_softmax(output / soften, 1)
    teacher = functional.log_softmax(hints / soften, 1)
    divergence = functional.kl_div(
        student, teacher, log_target=True, reduction="batchmean"
    )
    return divergence * soften**2


class Trainer:
    """One run: `run_epoch()` for each pass, then `weights()`."""

    def __init__(
        self,
        model: nn.Module,
        images: np.ndarray,
        labels: np.ndarray,
        recipe: Recipe,
        seed: int,
        device: str = "cpu",
        teacher: Hints | None = None,
    ) -> None:
        recipe.check(len(images))
        assert (teacher is None) == (recipe.distill == 0), "see teacher.teacher_for"
        self.teacher = teacher
        check_device(device)
        self.recipe, self.seed, self.device = recipe, seed, device
        self.model = model.to(device)
        self.fused = fuse(model) if device == "cpu" else None
        # The width of its vectors decides how sums are rounded.
        self.engine = f"fused x{self.fused.lanes}" if self.fused else "torch"
        if self.fused is None:  # what oneDNN is fastest with at these widths
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.images = prepare(images).to(device)
        self.labels = torch.from_numpy(labels).long().to(device)
        self.optimizer = _optimizer(model, recipe)
        self.live = [t for t in model.state_dict().values() if t.is_floating_point()]
        self.average = [t.detach().clone() for t in self.live]
        # Of a short run the average must still forget the weights that it began with.
        steps = self.steps_per_epoch() * recipe.epochs
        self.keep = min(recipe.ema, max(0.0, 1 - 4 / steps))
        self.epoch = 0
        self.history: list[Epoch] = []

    def steps_per_epoch(self) -> int:
        """The last batch of a pass may be short, so that no image is left out."""
        return math.ceil(len(self.images) / self.recipe.batch)

    def run_epoch(self, on_step: Step | None = None) -> Epoch:
        """One pass: every image once."""
        start = time.perf_counter()
        # One stream for order and views, its own for each epoch; drawn by the
        # processor, so that a GPU sees the same.
        random = torch.Generator().manual_seed(self.seed * 1_000 + self.epoch)
        order = torch.randperm(len(self.images), generator=random, device="cpu")
        order = order.to(self.device)
        count, steps = (
            self.steps_per_epoch(),
            self.steps_per_epoch() * self.recipe.epochs,
        )
        total = torch.zeros((), device=self.device)
        right = torch.zeros((), dtype=torch.long, device=self.device)
        rate = 0.0
        self.model.train()
        for index, chosen in enumerate(order.split(self.recipe.batch)):
            step = self.epoch * count + index
            rate = self._set_rate(step, steps)
            views = augment(self.images[chosen], self.recipe.affine, random)
            loss, correct = self.step(normalise(views), self.labels[chosen])
            total += loss * len(chosen)
            right += correct
            if on_step and (index % 50 == 49 or index == count - 1):
                seen = min((index + 1) * self.recipe.batch, len(order))
                on_step(step + 1, steps, self._finite(float(total) / seen, step))
        self.epoch += 1
        images = len(order)
        result = Epoch(
            epoch=self.epoch,
            loss=self._finite(float(total) / images, self.epoch * count),
            train_accuracy=100 * float(right) / images,
            accuracy=None,
            learning_rate=rate,
            seconds=time.perf_counter() - start,
        )
        self.history.append(result)
        return result

    def state(self) -> dict[str, Any]:
        """Everything that a run needs to go on from the end of this epoch."""
        return {
            "epoch": self.epoch,
            "seed": self.seed,
            "recipe": self.recipe.record(),
            "images": len(self.images),
            "engine": self.engine,
            "teacher": self.teacher.record()["weights"] if self.teacher else None,
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave; it must be of the same run."""
        mine = self.state()
        for key in ("seed", "recipe", "images", "engine", "teacher"):
            if state.get(key) != mine[key]:
                raise Esp8kError(
                    f"the interrupted run had {key} {state.get(key)}, not {mine[key]}",
                    "give the same options, or leave --resume out to start anew",
                )
        try:
            self._take(state)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise Esp8kError(
                "the interrupted run's file is damaged",
                "leave --resume out to start anew",
            ) from error

    def _take(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for average, theirs in zip(self.average, state["average"], strict=True):
            average.copy_(theirs)
        if not all(torch.isfinite(value).all() for value in self.weights().values()):
            raise ValueError("weights that are no numbers")
        self.epoch = int(state["epoch"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]

    def step(self, views: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One batch of (N, 1, 28, 28) and (N,); its loss, and how many are right."""
        loss, output = self._gradients(views, labels)
        if self.recipe.sharpness:
            self._sharpen(views, labels)
        self.optimizer.step()
        if self.recipe.ema:
            torch._foreach_lerp_(self.average, self.live, 1 - self.keep)
        return loss, (output.argmax(1) == labels).sum()

    def _gradients(self, views: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """(loss, logits (N, 10)) of a batch; the gradients lie in the model."""
        output = self._logits(views)
        loss = functional.cross_entropy(output, labels)
        if self.teacher:
            hints, share = self.teacher(views), self.recipe.distill
            lesson = distillation(output, hints, self.recipe.soften)
            loss = loss * (1 - share) + lesson * share
        self.optimizer.zero_grad()
        loss.backward()
        return loss.detach(), output.detach()

    def _sharpen(self, views: Tensor, labels: Tensor) -> None:
        """Put the gradients of the worst place nearby in the place of those here.

        Sharpness-aware minimization (SAM; Foret, Kleiner, Mobahi, Neyshabur 2021): the
        same images a second time, from `sharpness` further up the loss's slope.
        """
        weights: list[Tensor] = list(self.model.parameters())
        here = [w.detach().clone() for w in weights]
        slope = [w.grad for w in weights if w.grad is not None]
        norm = torch.nn.utils.get_total_norm(slope) + 1e-12
        climb = torch._foreach_mul(slope, float(self.recipe.sharpness / norm))
        with torch.no_grad():
            torch._foreach_add_(weights, climb)
        self._gradients(views, labels)
        with torch.no_grad():
            torch._foreach_copy_(weights, here)

    def _logits(self, views: Tensor) -> Tensor:
        if self.fused:
            return self.fused(views)
        images = views.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.model(images)
        return logits

    def _set_rate(self, step: int, steps: int) -> float:
        rate, beta = schedule(step, steps, self.recipe)
        for group in self.optimizer.param_groups:
            group["lr"], group["betas"] = rate, (beta, self.recipe.beta2)
        return rate

    def _finite(self, loss: float, step: int) -> float:
        if math.isfinite(loss):
            return loss
        raise Esp8kError(
            f"the loss is {loss} at step {step:,}: training has diverged",
            f"lower the learning rate (now --peak {self.recipe.peak})",
        )

    def weights(self) -> dict[str, Tensor]:
        """The weights that count: the average where there is one, in model order."""
        state = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        if self.recipe.ema:
            names = [k for k, v in state.items() if v.is_floating_point()]
            averages = (t.clone() for t in self.average)
            state |= dict(zip(names, averages, strict=True))
        return {k: v.contiguous() for k, v in state.items()}


def check_device(device: str) -> None:
    """Refuse a GPU that PyTorch does not see."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise Esp8kError(
            "there is no GPU that this PyTorch can use",
            "install its CUDA build, or leave the GPU out",
        )


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    weights, decay = model.parameters(), recipe.decay
    if recipe.optimizer == "soap":
        return Soap(weights, lr=recipe.peak, weight_decay=decay)
    return torch.optim.AdamW(weights, lr=recipe.peak, weight_decay=decay, fused=True)
