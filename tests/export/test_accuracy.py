"""A checkpoint's accuracy once it is int8."""

import pytest

from core import paths
from export.accuracy import int8_accuracy
from training.data import Data

SHIPPED = paths.ROOT / "training" / "pretrained"


def test_a_checkpoint_keeps_its_accuracy_in_int8(
    monkeypatch: pytest.MonkeyPatch, few: Data
) -> None:
    monkeypatch.setattr("export.accuracy.of_model", lambda config: few)
    assert int8_accuracy(SHIPPED / "v1.pt") > 97
