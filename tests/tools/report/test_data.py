"""The statistics are those of the textbooks; every image is answered once."""

import math

import numpy as np
import pytest

from core.errors import CheckFailed, DeviceError
from tests.support.fakes import FakeDevice, logits, opener, some_images
from tools.link.messages import Result
from tools.report.data import (
    accuracy,
    collect,
    differences,
    engine_statistics,
    spread,
)
from tools.report.figures import matrix


def ask(opening, images, engines=("int8", "f16"), workers=1, check=lambda d: None):
    return collect(opening, check, engines, images, workers, lambda n: None)


def test_accuracy_is_a_share_with_its_interval():
    score = accuracy(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 0]))
    assert (score["right"], score["of"], score["percent"]) == (3, 4, 75)
    low, high = score["wilson95_percent"]
    assert low < 75 < high


def test_equal_logits_have_no_difference_at_all():
    values = np.random.default_rng(0).normal(size=(50, 10)).astype(np.float32)
    same = differences(values, values.copy())
    assert same == {"max": 0, "rmse": 0, "cosine_mean": 1, "cosine_min": 1}


def test_differences_are_found_by_size_and_direction():
    a = np.zeros((2, 10), np.float32)
    a[:, 0] = 1
    b = a.copy()
    b[1] = np.roll(b[1], 1)
    got = differences(a, b)
    assert got["max"] == 1 and got["cosine_min"] == 0 and got["cosine_mean"] == 0.5
    assert got["rmse"] == pytest.approx(math.sqrt(2 / 20))


def test_spread_ignores_what_was_not_measured():
    assert spread([None, None]) is None
    assert spread([3, None, 1, 2]) == {"n": 3, "min": 1, "median": 2, "max": 3}


# ---- collecting ----


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_answers_come_in_the_order_of_the_images(workers: int):
    images = some_images(37)
    got = ask(lambda: opener(FakeDevice())(), images, workers=workers)
    for engine in ("int8", "f16"):
        found = np.stack([answer.logits for answer in got.answers[engine]])
        assert (found == logits(engine, images)).all()


def test_a_lost_port_is_opened_again_at_the_first_unanswered_image():
    images = some_images(20)
    opening = opener(FakeDevice(until=7), FakeDevice(until=15), FakeDevice())
    got = ask(opening, images)
    assert got.losses == ["the port is gone"] * 2
    found = np.stack([answer.logits for answer in got.answers["f16"]])
    assert (found == logits("f16", images)).all()


def test_resets_that_the_client_survived_are_counted():
    assert ask(opener(FakeDevice(resets=3)), some_images(4)).resets == 3


def test_a_device_that_is_not_there_is_not_tried_again():
    tried = []

    def nobody():
        tried.append(1)
        raise DeviceError("there is no port")

    with pytest.raises(DeviceError, match="no port"):
        ask(nobody, some_images(4))
    assert len(tried) == 1


def test_a_device_that_greets_and_then_stalls_gets_another_chance():
    got = ask(opener(FakeDevice(until=0), FakeDevice()), some_images(4))
    assert got.losses == ["the port is gone"] and len(got.answers["f16"]) == 4


def test_a_device_that_stays_away_is_given_up():
    with pytest.raises(DeviceError, match="gone"):
        ask(opener(FakeDevice(until=3), FakeDevice(until=0)), some_images(9))


def test_a_refused_device_stops_every_shard():
    def refuse(device):
        raise CheckFailed("other weights")

    with pytest.raises(CheckFailed, match="other weights"):
        ask(opener(FakeDevice()), some_images(9), workers=2, check=refuse)


def test_one_flipped_logit_is_found_everywhere(host):
    images = some_images(30)
    truth = logits("int8", images).argmax(1)
    got = ask(opener(FakeDevice(flip=4)), images, ("int8",))
    own = host.logits("int8", images)
    part = engine_statistics(host, "int8", own, got.answers["int8"], truth, images)
    assert part["agreement"] == 29 and part["logits"]["different"] == 1
    assert part["digest"]["host"] != part["digest"]["device"]
    assert part["mcnemar"]["only_host_right"] == 1 and part["mcnemar"]["p"] == 1
    assert [m["index"] for m in part["misclassified"]] == [4]
    assert part["host"]["right"] == 30 and part["device"]["right"] == 29


@pytest.mark.parametrize("classes", [3, 12])
def test_a_model_may_have_other_than_ten_classes(host, classes: int):
    images = some_images(30)
    own = np.tile(logits("int8", images), 2)[:, :classes]
    truth = own.argmax(1)
    answers = [Result(int(row.argmax()), row, None, None) for row in own]
    part = engine_statistics(host, "int8", own, answers, truth, images)
    counts = np.array(part["confusion"])
    assert counts.shape == (classes, classes) and counts.sum() == 30
    cells = [cell["count"] or 0 for row in matrix(part["confusion"]) for cell in row]
    assert cells == counts.reshape(-1).tolist()
