"""An operator that is not taken has a cure of its own."""

import pytest

from export.frontend import cures


@pytest.mark.parametrize(
    ("kind", "cure"),
    [
        ("CUSTOM SignalWindow", "features of sound"),
        ("CUSTOM ethos-u", "before vela"),
        ("CUSTOM other", "TFLITE_BUILTINS_INT8"),
        ("WHILE", "written out"),
    ],
)
def test_an_operator_has_its_own_cure(kind: str, cure: str) -> None:
    assert cure in cures.cure(kind, frozenset())
