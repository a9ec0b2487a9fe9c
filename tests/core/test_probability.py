"""Probabilities are the softmax of logits over a temperature, which may be unknown."""

import numpy as np
import pytest

from core.probability import divisor, probabilities

LOGITS = np.array([[0.0, np.log(3.0)], [500.0, 500.0]], np.float32)


def test_without_a_temperature_the_logits_are_as_trained():
    assert divisor(None) == 1.0 and divisor(1.25) == 1.25
    assert (probabilities(LOGITS) == probabilities(LOGITS, 1.0)).all()


def test_shares_are_softmax_along_the_last_axis():
    """Large logits would overflow if their largest were not taken off."""
    assert probabilities(LOGITS) == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5]]))
    one = probabilities(LOGITS[0])
    assert one.shape == (2,) and one == pytest.approx([0.25, 0.75])


def test_a_higher_temperature_is_less_sure():
    assert probabilities(LOGITS, 2.0)[0].max() < probabilities(LOGITS)[0].max()
