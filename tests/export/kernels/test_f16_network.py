"""The float16 engine of whole networks: equal bits, memory, instructions, lines."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.words import PROFILES
from export.emit import layout
from export.graph.fusion import plan_stages
from export.plan import row_buffers
from export.reference import float16
from tests.support.components import Components, Networks
from tests.support.native import Native, same_bits
from tools.bench import budget


@pytest.mark.parametrize("model", ["v1", "v2", "v3"])
@pytest.mark.parametrize("way", ["whole numbers", "fused"])
def test_every_way_of_computing_gives_the_same_bits(
    way: str,
    model: str,
    components: Components,
    networks: Networks,
    images: np.ndarray,
    tmp_path: Path,
) -> None:
    if way == "fused" and " fma " not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this machine has no fused multiply-add")
    option = "-mfma" if way == "fused" else "-DNN_SOFT_FLOAT=1"
    native = Native(components(model, "balanced"), tmp_path, options=(option,))
    if way == "fused":
        code = subprocess.run(
            ["objdump", "-d", str(native.path)], capture_output=True, text=True
        )
        assert "vfmadd" in code.stdout
    images = images[[*range(20), *range(-22, 0)]]  # digits, noise and the extremes
    expected = float16.outputs(networks(model)[1], images)
    assert same_bits(native.run("f16", images), expected)


@pytest.mark.parametrize("profile", PROFILES)
def test_v2_takes_no_more_than_four_kilobytes(
    profile: str, components: Components
) -> None:
    plan = Native.plan_of(components("v2", profile))
    assert plan.f16_arena_bytes <= row_buffers.ARENA
    source = (components("v2", profile) / "src" / "v2_f16_network.c").read_text()
    assert "rows_conv1[2]);" in source  # conv3 borrows a row
    rows = {stage.method for stage in plan.engine("f16")}
    assert ("2 rows a call" in rows) == (profile != "size")


def test_a_window_that_a_call_would_overfill_is_refused(networks: Networks) -> None:
    """Two rows a call of conv1 do not fit conv2's three; four of conv2 fit conv3's."""
    network = networks("v2")[1]
    chain = plan_stages(network)[:3]
    assert row_buffers.chained(chain, (1, 1, 1))
    assert row_buffers.chained(chain, (2, 1, 1)) is None
    assert row_buffers.chained(chain, (1, 4, 1)) is None
    wide = row_buffers.chained(chain, (1, 2, 2))
    assert wide
    found = [(x.need, x.step, x.room, x.keep) for x in wide.links]
    assert found == [(4, 2, 4, 2), (6, 4, 6, 2)]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("model", ["v1", "v2", "v3", "v3-small"])
def test_generated_lines_are_no_longer_than_eighty_columns(
    model: str, profile: str, components: Components, tmp_path: Path
) -> None:
    """As it is published: laid out by clang-format, which changes nothing else."""
    made = components(model, profile)
    folder = shutil.copytree(made, tmp_path / "component")
    layout.lay_out(folder)
    sources = sorted(folder.rglob("*.[ch]"))
    networks = [path.name for path in sources if path.name.endswith("_network.c")]
    wanted = 4 if profile == "speed" else 3  # of both engines, for the LX6 too
    assert len(networks) == wanted
    for path in sources:
        lines = path.read_text().splitlines()
        assert [line for line in lines if len(line) > 80] == [], path.name
        assert [line for line in lines if line != line.rstrip()] == [], path.name
        before = (made / path.relative_to(folder)).read_text()
        same = "".join(before.split()) == "".join(path.read_text().split())
        assert same, path.name


@pytest.mark.parametrize("profile", ["speed", "balanced"])
def test_v2_takes_at_most_three_and_a_half_instructions_a_mac(
    profile: str, components: Components
) -> None:
    """As committed; tests/tools/bench/test_budget.py measures that it still is so."""
    plan = Native.plan_of(components("v2", profile))
    macs = sum(stage.effective_macs for stage in plan.engine("f16"))
    rows = [
        line
        for line in budget.load()
        if (line["model"], line["engine"], line["profile"]) == ("v2", "f16", profile)
        and line["target"] == "host"
    ]
    assert len(rows) == 1
    assert rows[0]["instructions"] <= 3.5 * macs
    assert rows[0]["const_bytes"] <= 16_000 and rows[0]["ram_bytes"] <= 4096
