"""ONNX nodes as steps, and those that exporters write as several made one: GELU."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import Esp8kError
from core.text import one_line

CLOSE = 1e-3  # of a constant as an exporter rounds it


@dataclass
class Step:
    """One ONNX node with its constants resolved."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]

    @property
    def output(self) -> str:
        """The first one."""
        return self.outputs[0]

    def has(self, position: int) -> bool:
        """Whether an optional input is there."""
        return position < len(self.inputs) and self.inputs[position] != ""

    def refuse(self, what: str, hint: str) -> Esp8kError:
        """One error that names the operator."""
        name = one_line(self.output)
        return Esp8kError(f"ONNX {self.kind} (tensor {name}): {what}", hint)


class Fuser:
    """The steps of a graph, looked at by what they write and who reads it."""

    def __init__(
        self, steps: list[Step], constants: dict[str, np.ndarray], outputs: list[str]
    ) -> None:
        self.steps = steps
        self.constants = constants
        self.outputs = outputs
        self.makers = {name: step for step in steps for name in step.outputs}

    def is_number(self, name: str, value: float) -> bool:
        """Whether a constant is this one number."""
        data = self.constants.get(name)
        return (
            data is not None
            and data.size == 1
            and math.isclose(float(data.reshape(-1)[0]), value, rel_tol=CLOSE)
        )

    def other(self, step: Step, name: str) -> str:
        """The other operand."""
        rest = [i for i in step.inputs if i != name]
        return rest[0] if rest else name

    def reader(self, name: str) -> Step | None:
        """The only step that reads a value."""
        found = [step for step in self.steps if name in step.inputs]
        return found[0] if len(found) == 1 and name not in self.outputs else None

    def times(self, name: str, factor: float) -> str | None:
        """x, where a value is x * factor or x / (1 / factor)."""
        step = self.makers.get(name)
        if step is None or len(step.inputs) != 2:
            return None
        first, second = step.inputs
        if step.kind == "Div" and self.is_number(second, 1 / factor):
            return first
        if step.kind == "Mul":
            for x, number in ((first, second), (second, first)):
                if self.is_number(number, factor):
                    return x
        return None

    def gelu(self, erf: Step) -> Step | None:
        """x / 2 * (1 + erf(x / sqrt 2)), its factors in any order, as one step."""
        x = self.times(erf.inputs[0], math.sqrt(0.5))
        plus = self.reader(erf.output)
        if x is None or plus is None or plus.kind != "Add":
            return None
        if not self.is_number(self.other(plus, erf.output), 1.0):
            return None
        wanted, at = {"x", "half"}, plus
        while wanted:
            product = self.reader(at.output)
            if product is None or product.kind != "Mul":
                return None
            factor = self.other(product, at.output)
            if self.is_number(factor, 0.5):
                wanted.discard("half")
            elif factor == x:
                wanted.discard("x")
            elif self.times(factor, 0.5) == x:
                wanted.clear()
            else:
                return None
            at = product
        return Step("Gelu", at.name, [x], list(at.outputs), {})


def fused(
    steps: list[Step], constants: dict[str, np.ndarray], outputs: list[str]
) -> list[Step]:
    """The steps with each GELU as one, without those that nothing reads then."""
    found = Fuser(steps, constants, outputs)
    made = [found.gelu(step) for step in steps if step.kind == "Erf"]
    new = {step.output: step for step in made if step is not None}
    if not new:
        return steps
    wanted, kept = set(outputs), []
    for step in reversed([new.get(s.output, s) for s in steps]):
        if wanted.intersection(step.outputs):
            wanted.update(step.inputs)
            kept.append(step)
    return kept[::-1]
