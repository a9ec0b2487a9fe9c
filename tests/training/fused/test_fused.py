"""Our C trains as torch does: the same logits, gradients and running statistics."""

import copy
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as functional
from torch import nn

from core.errors import Esp8kError
from core.paths import ROOT
from training import models
from training.fit import Trainer
from training.fused import library
from training.fused import network as fused
from training.layers import network
from training.schedule import Recipe

NETS = (
    *models.BUILDERS,
    "c8k5s2 c12a1 c12p c30 fc",  # stride, padding
    "c6p c8s2a1 c20k2p fc",  # stride behind a layer, even kernel, odd sizes
    "c7p c9k7a3 w5 fc",  # wide kernel, pointwise
    "c6p4 c8p3 c9p5 fc",  # windows that overlap and hang over the border
)


def net(spec: str) -> nn.Module:
    """Weights away from their tidy start: scales of both signs, shifts, biases."""
    torch.manual_seed(0)
    known = spec in models.BUILDERS
    model = models.build(spec) if known else network(spec)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias, std=0.3)
            nn.init.normal_(module.running_mean)
    return model.train()


@pytest.mark.parametrize("images", [2, 37, 64])
@pytest.mark.parametrize("spec", NETS)
def test_a_step_is_that_of_torch_in_double_precision(spec: str, images: int) -> None:
    ours = net(spec)
    theirs = copy.deepcopy(ours).double()
    fast = fused.fuse(ours)
    assert fast is not None
    views, labels = torch.randn(images, 1, 28, 28), torch.randint(0, 10, (images,))
    logits, expected = fast(views), theirs(views.double())
    # With two images batch norm divides by differences of two: more rounding.
    close = {"rtol": 0.01, "atol": 1e-3} if images == 2 else {"rtol": 0, "atol": 1e-4}
    torch.testing.assert_close(logits.double(), expected, **close)
    functional.cross_entropy(logits, labels).backward()
    functional.cross_entropy(expected, labels).backward()
    if images > 2:
        for (name, mine), good in zip(
            ours.named_parameters(), theirs.parameters(), strict=True
        ):
            assert mine.grad is not None and good.grad is not None
            error = (mine.grad - good.grad).norm()
            # Rounding may send one of the pool's near ties the other way.
            assert error <= 3e-3 * good.grad.norm() + 1e-7, name
    for mine, good in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(mine.double(), good.double(), rtol=1e-4, atol=1e-5)


def test_a_batch_of_another_size_leaves_no_trace() -> None:
    """Work space is kept between steps: nothing of one may reach the next."""
    views, labels = torch.randn(40, 1, 28, 28), torch.randint(0, 10, (40,))

    def gradient(before: int | None) -> torch.Tensor:
        model = net("v2")
        fast = fused.fuse(model)
        assert fast is not None
        if before is not None:
            statistics = copy.deepcopy(model.state_dict())
            fast(1e3 * torch.randn(before, 1, 28, 28)).sum().backward()
            model.zero_grad()
            model.load_state_dict(statistics)
        functional.cross_entropy(fast(views), labels).backward()
        return torch.cat([p.grad.flatten() for p in model.parameters()])

    alone = gradient(None)
    assert torch.equal(alone, gradient(None))
    assert torch.equal(alone, gradient(40)) and torch.equal(alone, gradient(64))


def test_other_losses_go_through_too() -> None:
    ours = net("v3")
    theirs = copy.deepcopy(ours)
    fast = fused.fuse(ours)
    assert fast is not None
    views, target = torch.randn(32, 1, 28, 28), torch.randn(32, 10)
    for logits in (fast(views), theirs(views)):
        (logits - target).square().mean().backward()
    for mine, good in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, good.grad, rtol=1e-3, atol=1e-5)


def test_a_backward_pass_of_overwritten_sums_is_refused() -> None:
    fast = fused.fuse(net("v2"))
    assert fast is not None
    first = fast(torch.randn(4, 1, 28, 28))
    fast(torch.randn(4, 1, 28, 28))
    with pytest.raises(RuntimeError, match="overwritten"):
        first.sum().backward()


def test_pools_in_a_row_are_one() -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(
        *(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.MaxPool2d(2), nn.LeakyReLU(0.01)),
        *(nn.MaxPool2d(2, stride=1), nn.Flatten(), nn.Linear(6 * 12 * 12, 10)),
    )
    theirs = copy.deepcopy(ours).double()
    fast = fused.fuse(ours)
    assert fast is not None and len(fast.stages) == 2 and len(fast.tail) == 0
    views, target = torch.randn(32, 1, 28, 28), torch.randn(32, 10)
    (fast(views) - target).square().mean().backward()
    (theirs(views.double()) - target).square().mean().backward()
    for mine, good in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.grad is not None and good.grad is not None
        assert (mine.grad - good.grad).norm() <= 1e-4 * good.grad.norm() + 1e-7


@pytest.mark.parametrize(
    ("spec", "known"),
    [("c10p d c16p w20 fc", 1), ("c8p r c16p fc", 1), ("c9 c11p c12 c12 c13 gap", 5)],
    ids=["depthwise", "residual", "average"],
)
def test_torch_goes_on_where_our_c_knows_no_further(spec: str, known: int) -> None:
    ours = net(spec)
    theirs = copy.deepcopy(ours).double()
    fast = fused.fuse(ours)
    assert fast is not None and len(fast.stages) == known and len(fast.tail) > 0
    views, labels = torch.randn(37, 1, 28, 28), torch.randint(0, 10, (37,))
    functional.cross_entropy(fast(views), labels).backward()
    functional.cross_entropy(theirs(views.double()), labels).backward()
    # Relative to all: a scale that another batch norm undoes has no gradient. Where
    # rounding decides a near tie of the pool, one place in thousands differs.
    mine = torch.cat([p.grad.flatten() for p in ours.parameters()])
    good = torch.cat([p.grad.flatten() for p in theirs.parameters()])
    assert (mine - good).norm() <= 0.01 * good.norm()


def test_a_net_that_begins_otherwise_is_left_to_torch() -> None:
    model = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(196, 10))
    assert fused.fuse(model) is None
    images = torch.zeros(64, 28, 28, dtype=torch.uint8).numpy()
    trainer = Trainer(model, images, images[:, 0, 0], Recipe(epochs=1), 0)
    assert trainer.engine == "torch"
    assert trainer.run_epoch().loss > 0


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CC", "/nowhere/cc")
    library.load.cache_clear()
    yield
    library.load.cache_clear()


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_torch_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    assert fused.fuse(net("v2")) is None


def test_a_change_in_a_header_is_compiled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = shutil.copytree(library.PARTS, tmp_path / "fused")
    monkeypatch.setattr(library, "SOURCE", parts / "fused.c")
    monkeypatch.setattr(library, "PARTS", parts)
    monkeypatch.setattr(library, "FLAGS", ("-std=gnu11",))
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))
    for change in ("", "/* changed */\n"):
        with (parts / "pool.h").open("a") as header:
            header.write(change)
        library.load.cache_clear()
        library.load()
    library.load.cache_clear()
    assert len(list((tmp_path / "build" / "fused").glob("*.so"))) == 2


def test_a_run_of_one_engine_is_not_resumed_by_the_other() -> None:
    images = torch.zeros(64, 28, 28, dtype=torch.uint8).numpy()
    trainers = [
        Trainer(net("v2"), images, images[:, 0, 0], Recipe(epochs=2), 0)
        for _ in range(2)
    ]
    state = trainers[0].state()
    trainers[1].restore(state)
    with pytest.raises(Esp8kError, match="had engine torch, not fused x"):
        trainers[1].restore(state | {"engine": "torch"})


@pytest.mark.slow
def test_nothing_beside_the_work_space_is_touched(tmp_path: Path) -> None:
    """All nets once under the address and undefined-behaviour sanitizers."""
    # The accesses are those of the source; -O3 would only take six times as long.
    sanitizers = ["-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    wrapper = tmp_path / "cc"
    wrapper.write_text(f'#!/bin/sh\nexec cc "$@" -g {" ".join(sanitizers)}\n')
    wrapper.chmod(0o755)
    runtimes = [
        subprocess.run(
            ["cc", f"-print-file-name=lib{name}.so"], capture_output=True, text=True
        ).stdout.strip()
        for name in ("asan", "ubsan")
    ]
    code = (
        "import torch\n"
        "from tests.training.fused.test_fused import NETS, net\n"
        "from training.fused.network import fuse\n"
        "for spec in NETS:\n"
        "    for images in (3, 64):\n"
        "        fuse(net(spec))(torch.randn(images, 1, 28, 28)).sum().backward()\n"
        "print('done')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ
        | {"CC": str(wrapper), "ESP8K_BUILD": str(tmp_path), "OMP_NUM_THREADS": "1"}
        | {"LD_PRELOAD": ":".join(runtimes), "ASAN_OPTIONS": "detect_leaks=0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "done" in done.stdout, done.stderr[-3_000:]
    assert list((tmp_path / "fused").glob("*.so"))
