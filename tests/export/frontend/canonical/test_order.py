"""The order of operators: a shortcut early, a step right before it is looked at."""

from export.frontend.canonical.order import hastened, ordered, peak
from export.graph.read import read_tflite
from tests.support.canonical import B


def test_a_shortcut_runs_before_the_layers_that_it_passes_by() -> None:
    b = B()
    values = [b.tensor((1, 4), 0.02) for _ in range(6)]
    start, near, far, farther, short, end = values
    b.operator("RELU", [start], near)
    b.operator("ABS", [near], far)
    b.operator("TANH", [far], farther)
    b.operator("LOGISTIC", [near], short)
    b.operator("ADD", [farther, short], end)
    network = read_tflite(b.build([start], [end]), "net")
    kinds = [op.kind for op in hastened(network).operators]
    assert kinds == ["RELU", "ABS", "LOGISTIC", "TANH", "ADD"]


def test_a_step_is_prepared_right_before_it_is_looked_at() -> None:
    b = B()
    starts = [b.tensor((1, 4), 0.02) for _ in range(3)]
    made = [b.tensor((1, 4), 0.02) for _ in starts]
    sums = [b.tensor((1, 4), 0.02) for _ in range(2)]
    for start, value in zip(starts, made, strict=True):
        b.operator("RELU", [start], value)
    b.operator("ADD", [made[0], made[1]], sums[0])
    b.operator("ADD", [made[2], sums[0]], sums[1])
    network = read_tflite(b.build(starts, [sums[1]]), "net")
    found = ordered(network)
    assert [op.kind for op in found.operators] == ["RELU", "RELU", "ADD", "RELU", "ADD"]
    assert (peak(network), peak(found)) == (16, 12)
