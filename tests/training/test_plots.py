"""The pictures of a run can be read: no word on a line, no ticks on each other."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training import data, plots
from training.evaluate import Evaluation
from training.fit import Epoch
from training.recipes import recipe
from training.studies import lessdata


@pytest.fixture
def curves(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`curves(n)`: the panels of a run of n epochs, laid out but not stored."""
    kept: list[Any] = []
    monkeypatch.setattr(plots, "store", lambda picture, _: kept.append(picture))

    def draw(epochs: int) -> list[Any]:
        history = [
            Epoch(epoch, 0.3 / epoch, 99.4 - 9 / epoch, 99.5 - 9 / epoch, 0.01, 3.0)
            for epoch in range(1, epochs + 1)
        ]
        run = plots.Run("v2", history, recipe("v2", epochs), 1.0, data.DIGITS)
        plots.learning_curves(Path("unused"), run)
        kept[-1].draw_without_rendering()
        return kept[-1].axes

    return draw


@pytest.mark.parametrize("epochs", [1, 5])
def test_the_last_error_is_written_behind_the_ends_of_the_lines(
    curves: Any, epochs: int
) -> None:
    errors = curves(epochs)[1]
    (label,) = errors.texts
    ends = [errors.transData.transform(line.get_xydata()[-1]) for line in errors.lines]
    assert len(ends) == 2
    assert all(x + 3 < label.get_window_extent().x0 for x, _ in ends)


@pytest.mark.parametrize("epochs", [5, 60])
def test_numbers_of_epochs_do_not_touch(curves: Any, epochs: int) -> None:
    for axes in curves(epochs):
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        for one, other in itertools.pairwise(boxes):
            assert one.x1 + 3 < other.x0


def test_errors_of_averaged_weights_are_called_so(curves: Any) -> None:
    """They begin at 80 % and looked like a fault."""
    told = [text.get_text() for text in curves(5)[1].get_legend().get_texts()]
    assert told == ["training, augmented, live weights", "test, averaged weights"]


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """The pictures of a run over Fashion-MNIST, by name, not stored."""
    found: dict[str, Any] = {}
    random = np.random.default_rng(0)
    result = Evaluation(random.normal(size=(300, 10)), np.arange(300) % 10)
    result.logits[np.arange(280), result.labels[:280]] += 9
    once = [Epoch(1, 0.3, 90.0, 91.0, 0.01, 3.0)]
    run = plots.Run("v2", once, recipe("v2", 1), 1.0, data.NAMES["fashion"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "store", lambda p, path: found.update({path.stem: p}))
        plots.draw(Path(), run, result, np.zeros((300, 28, 28), np.uint8))
    return found


def words(picture: Any) -> list[str]:
    """All that stands in it."""
    from matplotlib.text import Text

    return [text.get_text() for text in picture.findobj(Text)]


def test_pictures_name_their_classes(kept: dict[str, Any]) -> None:
    for name, axis in (("confusion", "yaxis"), ("confidence", "xaxis")):
        axes = kept[name].axes[0]
        ticks = getattr(axes, axis).get_ticklabels()
        assert [tick.get_text() for tick in ticks] == list(data.NAMES["fashion"])
    captions = [text for text in words(kept["misclassified"]) if "\n→ " in text]
    assert len(captions) > 9
    assert {part for text in captions for part in text.split("\n→ ")} <= {
        *data.NAMES["fashion"]
    }


def test_captions_do_not_touch(kept: dict[str, Any]) -> None:
    kept["misclassified"].draw_without_rendering()
    (axes,) = kept["misclassified"].axes
    boxes = [text.get_window_extent() for text in axes.texts]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)


def test_a_share_says_whether_it_is_right_or_wrong(kept: dict[str, Any]) -> None:
    for name in ("confusion", "misclassified"):
        (title,) = [text for text in words(kept[name]) if "of 300" in text]
        assert " of 300 wrong, 9" in title and " % right" in title


def test_a_point_of_reliability_says_for_how_many_images_it_stands(
    kept: dict[str, Any],
) -> None:
    counts = [t.get_text() for t in kept["confidence"].axes[1].texts]
    assert 280 < sum(map(int, counts)) <= 300  # fewer than 5 are no point


def test_bars_of_less_data_say_what_they_are() -> None:
    picture = lessdata.draw(lessdata.results())
    assert any("bars of one standard deviation" in text for text in words(picture))
