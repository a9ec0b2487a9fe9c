"""How far training is: a bar on a terminal, a line an epoch elsewhere.

All of it goes to stderr; results go to stdout.
"""

import sys
from typing import Self

import rich.progress
from rich.console import Console

from training.fit import Epoch

SPEED_OVER_S = 300.0  # the time left is told of; a slow computer has no step in 30 s


class Progress:
    """A context in which `step` and `epoch` report progress."""

    def __init__(self, title: str, epochs: int) -> None:
        self.title, self.epochs = title, epochs
        self.console = Console(file=sys.stderr)
        self.bar = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(),
            rich.progress.TaskProgressColumn(),
            rich.progress.TimeRemainingColumn(),
            rich.progress.TextColumn("{task.fields[loss]}"),
            console=self.console,
            disable=not self.console.is_terminal,
            speed_estimate_period=SPEED_OVER_S,
        )
        self.task = self.bar.add_task(f"training {title}", total=None, loss="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def step(self, step: int, steps: int, loss: float) -> None:
        """After some steps."""
        self.bar.update(self.task, completed=step, total=steps, loss=f"loss {loss:.4f}")

    def epoch(self, epoch: Epoch) -> None:
        """After a pass."""
        # Of the averaged weights, which lag behind at first: 20 % is no fault there.
        test = "" if epoch.accuracy is None else f"  test avg {epoch.accuracy:6.2f} %"
        line = (
            f"{self.title} epoch {epoch.epoch}/{self.epochs}  loss {epoch.loss:.4f}"
            f"  train {epoch.train_accuracy:6.2f} %{test}  {epoch.seconds:5.1f} s"
        )
        if self.console.is_terminal:
            self.bar.console.print(line, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)
