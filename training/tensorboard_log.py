"""TensorBoard logs of a run, for those who ask for them with --tensorboard.

    .venv/bin/pip install -e '.[tensorboard]'
    esp8k train --model v2 --tensorboard
    .venv/bin/tensorboard --logdir build

Nothing else needs the package.
"""

from pathlib import Path
from typing import Any

from core.errors import Esp8kError
from training.fit import Epoch


def open_board(folder: Path, wanted: bool) -> Any | None:
    """A writer into `folder`, or None when nobody asked for one."""
    if not wanted:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise Esp8kError(
            "TensorBoard is not installed",
            "run: .venv/bin/pip install -e '.[tensorboard]'",
        ) from error
    return SummaryWriter(str(folder))


def log(board: Any | None, epoch: Epoch) -> None:
    """The figures of one pass."""
    if board is None:
        return
    board.add_scalar("loss/train", epoch.loss, epoch.epoch)
    board.add_scalar("accuracy/train", epoch.train_accuracy, epoch.epoch)
    if epoch.accuracy is not None:
        board.add_scalar("accuracy/test", epoch.accuracy, epoch.epoch)
    board.add_scalar("learning rate", epoch.learning_rate, epoch.epoch)
    board.flush()
