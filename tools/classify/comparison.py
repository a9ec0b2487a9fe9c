"""A board's answer to one digit beside the host's, as people and programs get it.

    found.name      # of the board's class
    found.json()    # what `esp8k classify --json` prints

Numbers as the engine has them are held apart from real ones.
"""

from dataclasses import asdict, dataclass
from typing import Any

from core.doubt import WORDS
from core.words import Evidence

NAMES = {"answer": "class"}  # fields that JSON calls otherwise: a word of Python's


@dataclass(frozen=True)
class HostAnswer:
    """What the host computes of the same pixels."""

    answer: int  # the class
    raw_logits: list[float]  # as the engine has them, summed over the views
    logits: list[float]  # real, of one view
    equal_logits: int  # how many the board has as well, bit for bit
    agrees: bool  # all of them


@dataclass(frozen=True)
class Comparison:
    """One digit."""

    model: str
    weights_hash: str
    board: str
    evidence: Evidence
    engine: str
    source: str  # where the digit comes from, for people
    label: int | None  # the true class where it is known
    views: int
    answer: int  # the board's class
    classes: list[str]  # their names
    second: int  # the class of the second largest logit
    decision: int | None  # SURE, UNSURE, NO_DIGIT; None where the model has no doubt
    raw_logits: list[float]  # as the engine has them, summed over the views
    logits: list[float]  # real, of one view
    probabilities: list[float]
    microseconds: int | None  # None where the board has no clock
    count: int | None  # of `counter`, where there is one
    counter: str  # 'cycles', 'instructions' or 'none'
    host: HostAnswer

    @property
    def name(self) -> str:
        """The answer's class by name."""
        return self.classes[self.answer]

    @property
    def second_name(self) -> str:
        """The runner-up's."""
        return self.classes[self.second]

    @property
    def word(self) -> str | None:
        """The decision in words."""
        return None if self.decision is None else WORDS[self.decision]

    def json(self) -> dict[str, Any]:
        """For programs."""
        told = _named(asdict(self))
        return {**told, "decision": self.word, "host": _named(told["host"])}


def _named(fields: dict[str, Any]) -> dict[str, Any]:
    return {NAMES.get(name, name): value for name, value in fields.items()}


def percent(share: float) -> str:
    """A probability; never 100, which no answer deserves."""
    return f"{min(99.99, 100 * share):.2f}"
