"""What is no digit is not taken for sure, by shape as well as by logits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.doubt import SURE, shape
from core.errors import Esp8kError
from core.paths import ROOT
from training import checkpoint, data, models
from training.doubt import decision, drawings, material, nondigits
from training.hand import written

EULER = 14  # where the number of pieces less that of holes is among the shape's


def point(model: str) -> checkpoint.Checkpoint:
    return checkpoint.load(ROOT / "training" / "pretrained" / f"{model}.pt", model)


def not_sure(model: str, images: np.ndarray) -> float:
    """Share of the images."""
    found = decision.stored(point(model))
    assert found is not None
    logits = decision.model_logits(point(model).module(), images)
    return float((found.decide(images, logits) != SURE).mean())


def test_pieces_less_holes_are_counted() -> None:
    plain = np.zeros((4, 28, 28), np.uint8)
    plain[0, 5:20, 5:8] = 255  # a stroke
    plain[1, 5:20, 5:20], plain[1, 8:17, 8:17] = 255, 0  # a ring
    plain[2] = plain[1]
    plain[2, 12, 8:17] = 255  # an 8
    plain[3] = plain[1]
    plain[3, 10:12, 10:12] = plain[3, 13:15, 13:15] = 255  # a face of two dots
    numbers = shape(plain)
    assert (numbers[:, EULER] // 64).tolist() == [1, 0, -1, 2]
    assert numbers[1, :7].tolist() == [0, 48, 128, 128, 80, 0, 0]  # 16 a run in a row


def test_a_ring_that_touches_at_a_corner_is_closed() -> None:
    plain = np.zeros((1, 28, 28), np.uint8)
    plain[0, 5:9, 5:9] = 255 * np.array(
        [[1, 1, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1], [0, 1, 1, 0]]
    )
    assert shape(plain)[0, EULER] == 0


@pytest.mark.parametrize("model", ["v1", "v2", "v3", "v3-small"])
def test_faces_are_not_sure_and_digits_are(model: str, mnist: data.Data) -> None:
    rng = np.random.default_rng(5)
    faces = drawings.drawings(60, rng, (drawings.face,))
    assert not_sure(model, faces) > 0.9
    assert not_sure(model, mnist.test_images[:300]) < 0.05


def test_patches_and_unknown_drawings_are_mostly_not_sure() -> None:
    rng = np.random.default_rng(6)
    assert not_sure("v3", drawings.patches(40, rng)) > 0.9
    assert not_sure("v3", drawings.drawings(80, rng, drawings.UNKNOWN)) > 0.75
    assert not_sure("v3", written(2, seed=3)[0]) < 0.3  # digits of another hand


def test_no_validation_image_is_learnt(
    mnist: data.Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its bounds would be those of what it knows by heart."""
    blank = np.zeros((1, 28, 28), np.uint8)
    for module, names in (
        (material, ["own_digits"]),
        (nondigits, ["letters", "scrawls", "noise"]),
        (drawings, ["drawings", "patches"]),
    ):
        for name in names:
            monkeypatch.setattr(module, name, lambda *_: blank)
    drawn = material.Material.draw(mnist)
    assert len(drawn.held) == 5_000 and len(drawn.digits) == 55_000 + 2
    learnt = {image.tobytes() for image in drawn.digits}
    assert not [image for image in drawn.held if image.tobytes() in learnt]


def test_what_is_folded_gives_the_same_score() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    middle, spread = np.float32([5, -3, 100]), np.float32([2, 40, 300])
    raw = torch.randn(10, 3) * 100
    wanted = network((raw - torch.tensor(middle)) / torch.tensor(spread))
    found = decision.folded(network, middle, spread)(raw)
    torch.testing.assert_close(found, wanted)


@pytest.fixture
def few(mnist: data.Data) -> material.Material:
    """So few pictures that a fit takes a second."""
    rng = np.random.default_rng(1)
    others = [nondigits.scrawls(900, rng), drawings.drawings(900, rng)]
    return material.Material(
        mnist.train_images[:3_000],
        np.concatenate(others),
        mnist.train_images[-1_000:],
        mnist.train_labels[-1_000:],
    )


def test_a_fit_tells_digits_from_the_rest(
    few: material.Material, mnist: data.Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision, "EPOCHS", 20)
    monkeypatch.setattr(decision, "CHUNK", 700)  # the last are drawings
    found = decision.fit(point("v3"), few)
    module = point("v3").module()

    def doubted(images: np.ndarray) -> float:
        logits = decision.model_logits(module, images)
        return float((found.decide(images, logits) != SURE).mean())

    assert doubted(mnist.test_images[:1_000]) < 0.03
    rng = np.random.default_rng(2)
    assert doubted(nondigits.scrawls(200, rng)) > 0.7
    assert doubted(drawings.drawings(200, rng)) > 0.7
    assert found.margin_from > 0 and found.digit_from <= found.sure_from
    assert found == decision.fit(point("v3"), few)


def test_a_model_of_other_things_has_no_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    monkeypatch.setattr(decision, "fit", lambda *_: pytest.fail("not its pictures"))
    place = tmp_path / "v1" / "model.pt"
    weights = models.build("v1", 10).state_dict()
    checkpoint.save(place, "v1", weights, {"dataset": "fashion"})
    with pytest.raises(Esp8kError, match="was trained on fashion"):
        decision.main(["--model", "v1"])


def test_where_nothing_can_be_written_is_told_before_the_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "file"))
    monkeypatch.setattr(decision, "fit", lambda *_: pytest.fail("for nothing"))
    with pytest.raises(Esp8kError, match="cannot write to"):
        decision.main(["--model", "v1"])
