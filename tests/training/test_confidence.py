"""Temperature, calibration and rejection on logits whose truth is known."""

import numpy as np
import pytest

from training import confidence
from training.evaluate import Evaluation


def calibrated(count: int, seed: int = 0) -> Evaluation:
    """Labels drawn from the softmax of the logits themselves."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (count, 10)).astype(np.float32)
    perfect = Evaluation(logits, np.zeros(count, int)).probabilities()
    labels = (perfect.cumsum(1) > random.random((count, 1))).argmax(1)
    return Evaluation(logits, labels)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_fitted_temperature_undoes_a_scaling_of_the_logits(factor: float) -> None:
    true = calibrated(20_000)
    scaled = Evaluation(true.logits * factor, true.labels)
    assert confidence.fit_temperature(scaled) == pytest.approx(factor, rel=0.03)


def test_calibration_error_is_small_only_at_the_right_temperature() -> None:
    true = calibrated(20_000)
    over = Evaluation(true.logits * 3, true.labels)
    assert confidence.calibration_error(true) < 1
    assert confidence.calibration_error(over) > 10
    assert confidence.calibration_error(over, 3.0) < 1


def test_rejection_keeps_as_many_as_the_target_allows() -> None:
    sure = np.array([9, 8, 7, 6, 5], np.float32)  # the logit of class 0
    logits = np.zeros((5, 10), np.float32)
    logits[:, 0] = sure
    result = Evaluation(logits, np.array([0, 0, 0, 1, 0]))  # the fourth is wrong
    assert confidence.coverage(result, 80.0, 1.0).rejected == 0
    strict = confidence.coverage(result, 100.0, 1.0)
    assert (strict.rejected, strict.coverage, strict.accuracy) == (2, 60.0, 100.0)
    hopeless = Evaluation(logits, np.full(5, 9))
    assert confidence.coverage(hopeless, 50.0, 1.0).coverage == 0.0


def test_mistakes_are_listed_surest_first() -> None:
    logits = np.zeros((4, 10), np.float32)
    logits[:, 2] = [1, 5, 3, 4]
    result = Evaluation(logits, np.array([0, 0, 2, 0]))
    assert result.wrong.tolist() == [1, 3, 0]
    assert result.confusion()[0, 2] == 3 and result.confusion().sum() == 4


def test_the_command_prints_a_row_for_each_target(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["confidence", "--model", "v2"])
    confidence.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("v2: temperature")
    rows = [line.split() for line in lines[3:]]
    assert [float(row[0]) for row in rows] == list(confidence.TARGETS)
    rejected = [int(row[1].replace(",", "")) for row in rows]
    assert rejected == sorted(rejected) and rejected[-1] > 0
