"""Constants with equal content stand once, whatever numpy holds their numbers in."""

import numpy as np

from export.kernels import sharing
from export.kernels.arrays import Array, text_array, weight_array


def weights(name: str, values: np.ndarray, kind: str = "int8_t") -> Array:
    return weight_array(name, "", lambda: values, values.size, kind)


def test_the_first_of_equal_arrays_stands_for_the_others():
    values = np.array([[3, -4], [5, 6]], np.int8)
    several = [
        weights("a", values),
        weights("b", values.astype(np.int64).ravel()),
        weights("c", values[::-1]),
        weights("d", values, "int16_t"),
        weights("e", values.ravel()),
    ]
    assert sharing.same(several) == {"b": "a", "e": "a"}


def test_equal_bytes_are_not_equal_numbers():
    signed = np.array([-56, 1], np.int8)
    several = [weights("a", signed), weights("b", signed.view(np.uint8))]
    assert sharing.same(several) == {}


def test_texts_are_compared_as_c_has_them():
    def named(name: str, *texts: str) -> Array:
        return text_array(name, "float", "", list(texts), 1, 4)

    several = [named("a", "0.5f"), named("b", "-0.5f"), named("c", "0.5f")]
    assert sharing.same(several) == {"c": "a"}


def test_an_array_without_a_like_is_not_asked_for_its_values():
    def never() -> np.ndarray:
        raise AssertionError("asked")

    several = [weight_array("a", "", never, 3, "int8_t"), weights("b", np.zeros(4))]
    assert sharing.same(several) == {}


STEP = """#define ADD1_STEP(a) \\
    x(a)
int add1_byte(int a) { return ADD1_STEP(a); }
void add1(int b, int c) { add1_byte(b); }"""


def test_a_function_that_says_what_an_earlier_one_does_is_not_written():
    def called(name: str) -> str:
        return STEP.replace("add1", name).replace("ADD1", name.upper())

    texts = {
        "add1": STEP,
        "add2": called("add2").replace("x(a)", "y(a)"),
        "add10": called("add10").replace("int b, int c", "int b,\n           int c"),
        "mul1": called("mul1"),
    }
    assert sharing.functions(texts) == {"add10": "add1", "mul1": "add1"}
