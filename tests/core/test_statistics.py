"""Intervals and tests are those of the textbooks."""

import math

import numpy as np
import pytest

from core.statistics import confusion, mcnemar, wilson, wilson_percent


def test_wilson_intervals_are_the_published_ones() -> None:
    # R: binom::binom.wilson(9938, 10000) and (0, 10), (10, 10)
    assert wilson(9938, 10000) == pytest.approx((0.992059, 0.995161), abs=2e-6)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775328), abs=1e-6)
    assert wilson(10, 10) == pytest.approx((0.7224672, 1.0), abs=1e-6)


def test_wilson_ends_are_where_the_normal_test_would_just_reject() -> None:
    low, high = wilson(70, 100)
    for end in (low, high):
        z = abs(0.7 - end) / math.sqrt(end * (1 - end) / 100)
        assert z == pytest.approx(1.959964, abs=1e-6)


def test_mcnemar_is_the_exact_binomial_test() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(5, 5) == 1
    assert mcnemar(0, 5) == pytest.approx(2 / 32)
    assert mcnemar(2, 8) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert mcnemar(8, 2) == mcnemar(2, 8)


def test_confusion_counts_the_true_class_by_rows() -> None:
    table = confusion(np.array([0, 0, 9]), np.array([0, 4, 9]))
    assert (table[0, 0], table[0, 4], table[9, 9]) == (1, 1, 1)
    assert table.sum() == 3


def test_an_interval_of_nothing_is_everything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson_percent(8, 10) == tuple(100 * end for end in wilson(8, 10))
