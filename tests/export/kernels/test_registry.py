"""The registry: a file pair for each kernel, frozen values, each with a reference."""

import dataclasses
import inspect
from pathlib import Path

import jinja2.meta
import pytest

from core.errors import Esp8kError
from export.emit import c_source, lower
from export.frontend.support import integer_core
from export.graph.attributes import Attributes
from export.graph.kinds import CHANNEL_TABLE
from export.graph.read import read_tflite
from export.kernels import registry
from export.kernels.kernel import Kernel
from export.reference import int8 as reference
from export.reference import int16
from tools.bench.drawn.networks import random_network

KERNELS = (*registry.INT8, *registry.INT16, *registry.FLOAT16)
FOLDER = Path(inspect.getfile(registry)).parent
# What a template is given, by `Kernel.code` or by the template that includes it.
GIVEN = {"s", "restrict", "prefix", "total", "turns", "block", "notes", "cast"}


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.template)
def test_a_kernel_is_a_frozen_dataclass_with_its_template_beside_it(
    kernel: type[Kernel],
) -> None:
    parameters = getattr(kernel, "__dataclass_params__", None)
    assert parameters is not None and parameters.frozen
    template = FOLDER / kernel.template
    assert template.exists()
    assert template.parent == Path(inspect.getfile(kernel)).parent


def test_a_template_names_nothing_that_it_is_not_given() -> None:
    """Of an index without its quotes nobody hears where the loop has one turn."""
    environment = c_source.environment()
    for path in FOLDER.rglob("*.jinja"):
        names = jinja2.meta.find_undeclared_variables(
            environment.parse(path.read_text())
        )
        assert names <= GIVEN, path.name


def test_every_kernel_is_held_to_a_reference() -> None:
    """All that a file can hold: a channels' table is made of operators behind it."""
    made = {CHANNEL_TABLE}
    assert set(registry.kinds(registry.INT8)) - made <= reference.KERNELS.keys()
    assert {"RESHAPE", *registry.kinds(registry.INT16)} == int16.KERNELS.keys()


def test_an_operator_without_a_kernel_is_named_with_what_there_is() -> None:
    network = integer_core(read_tflite(random_network(3), "net"))
    *rest, last = network.operators
    odd = dataclasses.replace(last, kind="CUMSUM", attributes=Attributes())
    broken = dataclasses.replace(network, operators=(*rest, odd))
    with pytest.raises(Esp8kError, match="no int8 kernel for CUMSUM") as error:
        lower.int8(broken, "size", "net")
    assert "CONV_2D" in (error.value.hint or "")
