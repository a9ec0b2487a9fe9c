"""Components that prepare frames themselves: each under its own name."""

import ctypes
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.errors import Esp8kError
from export.emit import prepared
from export.emit.host_build import WARNINGS
from export.reference.prepare import prepare

PREFIXES = ("v2", "a_very_long_name_of_a_network")


@dataclass(frozen=True)
class Taking:
    """A network's inputs, as far as they matter."""

    inputs: tuple[int, ...]
    tensors: dict[int, Any]
    name: str = "net"
    engine: str = "int8"


def test_two_of_them_live_in_one_program(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for prefix in PREFIXES:
        for name, text in prepared.sources(prefix).items():
            assert "nn_prepare" not in name + text.lower()
            (tmp_path / name).write_text(text)
    sources = sorted(map(str, (tmp_path / "src").glob("*.c")))
    library = tmp_path / "both.so"
    flags = ["-std=c99", "-O1", *WARNINGS, "-fPIC", "-shared"]
    subprocess.run(["gcc", *flags, *sources, "-o", str(library)], check=True)
    both = ctypes.CDLL(str(library))
    frame = np.full((40, 60), 220, np.uint8)
    frame[8:32, 28:32] = 30  # a one
    for prefix in PREFIXES:
        state, output = (ctypes.create_string_buffer(n) for n in (40_000, 784))
        getattr(both, f"{prefix}_prepare_begin")(state, 60, 40)
        getattr(both, f"{prefix}_prepare_feed")(state, frame.tobytes(), frame.size)
        assert getattr(both, f"{prefix}_prepare_end")(state, 0, output, None) == 0
        assert output.raw == prepare(frame).pixels.tobytes()


@pytest.mark.parametrize("sizes", [(100,), (784, 784), ()])
def test_a_network_of_other_inputs_is_refused(sizes: tuple[int, ...]) -> None:
    tensors = {i: SimpleNamespace(size=size) for i, size in enumerate(sizes)}
    with pytest.raises(Esp8kError, match="28x28"):
        prepared.require(Taking(tuple(tensors), tensors))  # type: ignore[arg-type]


def test_a_network_of_28x28_is_taken() -> None:
    prepared.require(Taking((3,), {3: SimpleNamespace(size=784)}))  # type: ignore[arg-type]
