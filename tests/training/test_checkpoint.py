"""Checkpoints: what goes in comes out, and a bad file is refused in one line."""

import contextlib
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Esp8kError
from core.paths import ROOT
from core.text import for_terminal
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


def content_of(folder: Path) -> dict[str, Any]:
    return torch.load(stored(folder), weights_only=True)


def rehashed(content: dict[str, Any]) -> dict[str, Any]:
    """The right hash for whatever weights: the writer knew what it did."""
    digest = checkpoint.weights_hash(content["state_dict"])
    return content | {"weights_hash": digest}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    content = content_of(tmp_path)
    content["state_dict"]["0.weight"][3, 0, 1, 2] = value
    torch.save(rehashed(content), tmp_path / "odd.pt")
    with pytest.raises(Esp8kError, match=f"0.weight holds {value}"):
        checkpoint.load(tmp_path / "odd.pt")


def test_a_variance_below_zero_is_refused(tmp_path: Path) -> None:
    content = content_of(tmp_path)
    (name,) = [k for k in content["state_dict"] if k.endswith("running_var")][:1]
    content["state_dict"][name][0] = -1.0
    torch.save(rehashed(content), tmp_path / "odd.pt")
    with pytest.raises(Esp8kError, match="running_var holds -1.0"):
        checkpoint.load(tmp_path / "odd.pt")


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.int8])
def test_weights_of_another_type_are_refused(tmp_path: Path, kind: Any) -> None:
    content = content_of(tmp_path)
    weights = content["state_dict"]
    weights["0.weight"] = weights["0.weight"].to(kind)
    torch.save(rehashed(content), tmp_path / "odd.pt")
    with pytest.raises(Esp8kError, match="tensor 0.weight does not fit"):
        checkpoint.load(tmp_path / "odd.pt")


ODD = [None, 7, "abc", "\x1b[2J", b"x", [], {}, {3: 4}, float("nan"), True, -1.5]
ODD += [torch.zeros(3), {"0.weight": "abc"}, {"seed": {1, 2}}, {"seed": float("nan")}]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_what_has_another_type_is_refused_or_as_good(tmp_path: Path, odd: Any) -> None:
    """Every entry replaced by every odd value: one line, or a sound checkpoint."""
    sound = content_of(tmp_path)
    for name in sound:
        torch.save(sound | {name: odd}, tmp_path / "odd.pt")
        try:
            found = checkpoint.load(tmp_path / "odd.pt")
        except Esp8kError as error:
            assert for_terminal(error.message) == error.message
            continue
        json.dumps(found.config, allow_nan=False)
        assert name in ("config", "temperature") or odd is True
        assert found.temperature is None or found.temperature > 0


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_flipped_byte_is_a_traceback(data: st.DataObject) -> None:
    raw = bytearray((ROOT / "training/pretrained/v1.pt").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        path.write_bytes(raw)
        with contextlib.suppress(Esp8kError):
            assert checkpoint.load(path).model == "v1"


def test_what_would_take_all_memory_or_never_end_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "huge.pt").open("wb") as file:
        file.truncate(40 << 30)  # a hole
    with pytest.raises(Esp8kError, match="at most"):
        checkpoint.load(tmp_path / "huge.pt")
    os.mkfifo(tmp_path / "pipe.pt")
    with pytest.raises(Esp8kError, match="not a plain file"):
        checkpoint.load(tmp_path / "pipe.pt")
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(100 << 20))
    with pytest.raises(Esp8kError, match="damaged or no checkpoint"):
        checkpoint.load(tmp_path / "bomb.pt")
    content = content_of(tmp_path)
    content["state_dict"]["0.weight"] = torch.zeros(1).expand(1 << 40)
    torch.save(content, tmp_path / "wide.pt")
    with pytest.raises(Esp8kError, match="tensor 0.weight does not fit"):
        checkpoint.load(tmp_path / "wide.pt")


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


def test_weights_that_are_replaced_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint.forget_run(tmp_path)  # none are there
    assert not list(tmp_path.iterdir())
    before = checkpoint.save(
        tmp_path / "model.pt", "v1", models.build("v1", 10).state_dict(), {}
    )
    checkpoint.forget_run(tmp_path)
    kept = tmp_path / checkpoint.REPLACED
    assert checkpoint.load(kept, "v1").weights_hash == before
    assert str(kept) in capsys.readouterr().err
