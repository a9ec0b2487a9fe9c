"""The steps of an LSTM, told by what they compute, whatever is broadcast in them."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.frontend import lstm_layer
from export.frontend.loops.lstm import taken_together
from tools.bench.drawn.tflite_builder import TfliteBuilder

STEPS, INPUTS, UNITS = 3, 2, 4


class Written(TfliteBuilder):
    """A loop that is written out; its states are inputs behind the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(0)

    def value(self, *shape: int) -> int:
        return self.tensor(shape, dtype="float32")

    def drawn(self, *shape: int) -> int:
        data = self.rng.normal(size=shape).astype(np.float32)
        return self.tensor(shape, data=data, dtype="float32")

    def made(self, kind: str, *inputs: int) -> int:
        """One operator; its result is as wide as the wider of its inputs."""
        widths = [self.graph.tensors[i].shape[-1] for i in inputs if i >= 0]
        if kind == "FULLY_CONNECTED":
            widths = [self.graph.tensors[inputs[1]].shape[0]]
        end = self.value(1, max(widths))
        self.operator(kind, list(inputs), end)
        return end

    def run(self, width: dict[str, int]) -> bytes:
        """`width` of what is narrower than the others: "input 1", "bias 0", ..."""
        rows = self.value(STEPS, 1, INPUTS)
        each = [self.value(1, INPUTS) for _ in range(STEPS)]
        self.operator("UNPACK", [rows], each, num=STEPS, axis=0)
        states = hidden, cell = self.value(1, UNITS), self.value(1, UNITS)
        gates = [
            (
                self.drawn(width.get(f"row {gate}", UNITS), INPUTS),
                self.drawn(width.get(f"hidden {gate}", UNITS), UNITS),
                self.drawn(width.get(f"bias {gate}", UNITS)),
            )
            for gate in range(4)
        ]
        for row in each:
            i, f, g, o = (
                self.made(
                    "ADD",
                    self.made("ADD", self.dense(row, w), self.dense(hidden, r)),
                    bias,
                )
                for w, r, bias in gates
            )
            kept = self.made("MUL", self.made("LOGISTIC", f), cell)
            fresh = self.made("MUL", self.made("LOGISTIC", i), self.made("TANH", g))
            cell = self.made("ADD", kept, fresh)
            opened = self.made("LOGISTIC", o)
            hidden = self.made("MUL", opened, self.made("TANH", cell))
        return self.build([rows, *states], [hidden])

    def dense(self, x: int, weights: int) -> int:
        return self.made("FULLY_CONNECTED", x, weights, -1)


def outputs(raw: bytes, x: np.ndarray) -> np.ndarray:
    """What is read beside the rows is zeros."""
    interpreter = Interpreter(model_content=raw, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.reset_all_variables()
    for number, end in enumerate(interpreter.get_input_details()):
        given = np.zeros(end["shape"], np.float32) if number else x
        interpreter.set_tensor(end["index"], given)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return np.array(found)


@pytest.mark.parametrize(
    "narrow",
    [
        (),
        ("row 0", "row 1", "row 2", "row 3"),  # one number for all units
        ("row 1",),
        ("hidden 2",),
        ("bias 3",),
        ("row 1", "hidden 1", "bias 1"),  # one gate for all units
    ],
)
def test_what_is_broadcast_is_the_same_function(narrow: tuple[str, ...]) -> None:
    raw = Written().run(dict.fromkeys(narrow, 1))
    made = taken_together(raw, 2)
    assert made is not None and lstm_layer.count(made) == 1
    x = np.random.default_rng(1).normal(size=(STEPS, 1, INPUTS)).astype(np.float32)
    assert np.allclose(outputs(made, x).ravel(), outputs(raw, x).ravel(), atol=1e-6)
