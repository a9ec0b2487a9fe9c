"""Checkpoints: what goes in comes out, and a bad file is refused in one line."""

from pathlib import Path

import pytest
import torch

from core.errors import Esp8kError
from core.paths import ROOT
from core.words import MODELS
from tests.support.disk import full_disk
from training import checkpoint, models


def stored(folder: Path, name: str = "v2", seed: int = 0) -> Path:
    torch.manual_seed(seed)
    path = folder / "model.pt"
    checkpoint.save(path, name, models.build(name).state_dict(), {"seed": seed})
    return path


def test_weights_survive_saving_and_loading(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = models.build("v2").eval()
    path = tmp_path / "new" / "model.pt"
    digest = checkpoint.save(path, "v2", model.state_dict(), {"seed": 0}, 1.25)
    loaded = checkpoint.load(path, "v2")
    assert (loaded.weights_hash, loaded.temperature) == (digest, 1.25)
    assert loaded.config == {"seed": 0}
    image = torch.randn(1, 1, 28, 28)
    assert torch.equal(loaded.module()(image), model(image))


def test_the_hash_depends_on_every_weight_and_name() -> None:
    weights = {"a": torch.zeros(2, 3), "b": torch.ones(4)}
    digest = checkpoint.weights_hash(weights)
    assert digest == checkpoint.weights_hash({k: v.clone() for k, v in weights.items()})
    nudged = weights | {"b": torch.tensor([1, 1, 1, 1 + 1e-7])}
    renamed = {"a": weights["a"], "c": weights["b"]}
    reshaped = weights | {"a": torch.zeros(3, 2)}
    for other in (nudged, renamed, reshaped):
        assert checkpoint.weights_hash(other) != digest


def test_the_hash_does_not_depend_on_memory_format() -> None:
    plain = torch.randn(4, 3, 3, 3)
    last = plain.to(memory_format=torch.channels_last)
    first, second = ({"w": tensor} for tensor in (plain, last))
    assert checkpoint.weights_hash(first) == checkpoint.weights_hash(second)


@pytest.mark.parametrize("keep", [0, 100, 20_000])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, keep: int) -> None:
    path = stored(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(Esp8kError, match="damaged or no checkpoint"):
        checkpoint.load(path)


def test_a_flipped_weight_is_noticed(tmp_path: Path) -> None:
    path = stored(tmp_path)
    content = torch.load(path, weights_only=True)
    content["state_dict"]["0.weight"][0, 0, 0, 0] += 1
    torch.save(content, path)
    with pytest.raises(Esp8kError, match="damaged: its weights hash to"):
        checkpoint.load(path)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "boom",))

    torch.save({"model": Bomb()}, tmp_path / "model.pt")
    with pytest.raises(Esp8kError, match="no checkpoint"):
        checkpoint.load(tmp_path / "model.pt")
    assert not (tmp_path / "boom").exists()


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Esp8kError, match="holds a v1, not a v2") as caught:
        checkpoint.load(stored(tmp_path, "v1"), "v2")
    assert "MODEL=v2" in caught.value.hint


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    wider = models.build("v2").state_dict()
    wider["0.weight"] = torch.zeros(9, 1, 3, 3)
    checkpoint.save(tmp_path / "model.pt", "v2", wider, {})
    with pytest.raises(Esp8kError, match="tensor 0.weight does not fit"):
        checkpoint.load(tmp_path / "model.pt")


def test_a_missing_checkpoint_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Esp8kError, match="does not exist") as caught:
        checkpoint.load(tmp_path / "model.pt")
    assert "make train" in caught.value.hint


def test_a_write_that_fails_halfway_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    path = stored(tmp_path, seed=0)
    before = path.read_bytes()
    with full_disk(10_000), pytest.raises(Esp8kError, match="cannot write") as caught:
        stored(tmp_path, seed=1)
    assert "free some space" in caught.value.hint
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


@pytest.mark.parametrize("model", MODELS)
def test_a_shipped_checkpoint_is_sound(model: str) -> None:
    path = ROOT / "training" / "pretrained" / f"{model}.pt"
    assert checkpoint.load(path, model).model == model
    assert path.stat().st_size < 100_000
