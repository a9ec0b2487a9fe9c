"""A loop of a .tflite, written out: the same function, or a word why not."""

from typing import Any

import numpy as np
import pytest

from core.errors import Esp8kError
from export.frontend.loops.unroll import is_looped, unrolled
from export.frontend.tensorflow import silent, tensorflow
from export.frontend.tflite.run import run
from export.graph.read import read_tflite

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("lists", [False, True])
def test_a_loop_is_written_out_and_stays_the_same_function(lists: bool) -> None:
    tf = tensorflow()
    signature = [tf.TensorSpec((1, 4, 3), tf.float32)]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def looped(x: Any) -> Any:
        """Each step's sum with what the steps before gave, and of all the last two."""
        steps, total = tf.transpose(x, (1, 0, 2)), tf.zeros((1, 3))
        found = tf.TensorArray(tf.float32, 4, element_shape=(1, 3))
        for i in tf.range(4):
            total = tf.tanh(steps[i] + total * 0.5)
            found = found.write(i, total)
        return tf.transpose(found.stack(), (1, 0, 2))[:, 2:]

    concrete = looped.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter._experimental_lower_tensor_list_ops = not lists
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    with silent():
        raw = converter.convert()
    network = read_tflite(raw, "looped")
    assert is_looped(network)
    assert any(op.kind.startswith("CUSTOM Flex") for op in network.operators) == lists
    written = unrolled(raw)
    assert not is_looped(read_tflite(written, "written out"))
    x = np.random.default_rng(0).normal(size=(3, 4, 3)).astype(np.float32)
    (found,) = run(written, (x,))
    for one, expected in zip(x, found, strict=True):
        assert np.allclose(looped(one[None])[0], expected, atol=1e-6)


def test_a_loop_that_depends_on_its_input_says_so() -> None:
    tf = tensorflow()
    signature = [tf.TensorSpec((1, 3), tf.float32)]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def halved(x: Any) -> Any:
        while tf.reduce_sum(x) > 1.0:
            x = x * 0.5
        return x

    concrete = halved.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    with silent():
        raw = converter.convert()
    with pytest.raises(Esp8kError, match="depends on its input"):
        unrolled(raw)
