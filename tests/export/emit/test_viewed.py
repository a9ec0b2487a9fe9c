"""The sum of five views in C is that of Python, for any network of one grey picture."""

import ctypes
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.errors import Esp8kError
from core.views import shifted, summed
from export.emit import viewed
from export.emit.host_build import compile_c

HEADER = """
#include <stddef.h>
#include <stdint.h>
#define NET_INPUT_BYTES 30u
#define NET_OUTPUT_SIZE 3u
typedef enum { NET_OK = 0, NET_NULL_ARGUMENT = 1, NET_MISALIGNED = 2 } net_status_t;
net_status_t net_int8_run(void *arena, const uint8_t *input, int8_t *output);
net_status_t net_f16_run(void *arena, const uint8_t *input, float *output);
"""
SOURCE = """
#include "net_model.h"
net_status_t net_int8_run(void *arena, const uint8_t *input, int8_t *output)
{
    if (arena == NULL) {
        return NET_MISALIGNED;
    }
    for (uint32_t i = 0; i < 3u; ++i) {
        uint32_t sum = 0;
        for (uint32_t k = 0; k < 30u; ++k) {
            sum += input[k] * (k * k + 7u * i + 1u);
        }
        output[i] = (int8_t)((int32_t)(sum % 256u) - 128);
    }
    return NET_OK;
}
net_status_t net_f16_run(void *arena, const uint8_t *input, float *output)
{
    int8_t logits[3];
    net_status_t status = net_int8_run(arena, input, logits);
    for (uint32_t i = 0; i < 3u && status == NET_OK; ++i) {
        output[i] = (float)logits[i] / 3.0f;
    }
    return status;
}
"""


def network(*shapes: tuple[int, ...]) -> SimpleNamespace:
    tensors = {i: SimpleNamespace(shape=shape) for i, shape in enumerate(shapes)}
    return SimpleNamespace(
        inputs=tuple(tensors), tensors=tensors, name="net", variables=(), engine="int8"
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder: Path = tmp_path_factory.mktemp("views")
    (folder / "src").mkdir()
    made = viewed.sources(network((1, 6, 5, 1)), "net", ("int8", "f16"))
    made |= {"src/net_model.h": HEADER, "src/net.c": SOURCE}
    for name, text in made.items():
        (folder / name).write_text(text)
    sources = [folder / name for name in made if name.endswith(".c")]
    compile_c(sources, [folder / "src"], folder / "v.so", "-shared", "-fPIC", "-O1")
    return ctypes.CDLL(str(folder / "v.so"))


@pytest.mark.parametrize("engine, kind", [("int8", np.int32), ("f16", np.float32)])
def test_sums_are_those_of_python(library, engine, kind):
    logits = np.zeros(3, np.int8 if engine == "int8" else np.float32)
    view, arena = np.zeros(30, np.uint8), np.zeros(1, np.uint8)
    run = getattr(library, f"net_{engine}_run")
    run_views = getattr(library, f"net_{engine}_run_views")
    for image in np.random.default_rng(0).integers(0, 256, (20, 6, 5), np.uint8):
        seen = []
        for one in map(np.ascontiguousarray, shifted(image, 5)):
            assert run(at(arena), at(one), at(logits)) == 0
            seen.append(logits.copy())
        sums = np.zeros(3, kind)
        assert run_views(at(arena), at(view), at(image), at(sums)) == 0
        assert sums.tobytes() == summed(np.stack(seen)).tobytes()


def test_what_the_network_refuses_writes_nothing(library):
    image, sums = np.zeros(30, np.uint8), np.full(3, 7, np.int32)
    assert library.net_int8_run_views(None, at(image), at(image), at(sums)) == 2
    assert library.net_int8_run_views(at(image), at(image), None, at(sums)) == 1
    assert (sums == 7).all()


def at(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


@pytest.mark.parametrize("shapes", [((1, 100),), ((1, 6, 5, 3),), ((1, 6, 5, 1),) * 2])
def test_what_is_no_grey_picture_is_refused(shapes):
    with pytest.raises(Esp8kError, match="one grey picture"):
        viewed.sources(network(*shapes), "net", ("int8",))
