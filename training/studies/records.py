"""What the studies file, as types: one run, many seeds, less data, a search.

They are plain dictionaries at run time, so the files hold them as they are.
"""

from typing import Any, NotRequired, TypedDict


class Origin(TypedDict):
    """What a run is made of: a stored one counts if it was made of the same."""

    model: str
    recipe: dict[str, Any]  # `Recipe.record`
    parameters: int
    macs: int
    percent: NotRequired[int]  # of the images; absent: all
    way: NotRequired[str]  # how it is trained on some of them


class Reached(TypedDict):
    """One seed: percent right of the test images, and the weights' hash."""

    seed: int
    float_accuracy: float
    weights: str


class Seed(Reached):
    """The same, and of the quantized weights; None until they are measured."""

    int8_accuracy: float | None


class Run(Origin, Seed):
    """One finished run, in a file beside its weights."""

    seconds: float
    data_hash: str
    teacher: dict[str, Any] | None
    environment: dict[str, Any]


class Summary(TypedDict):
    """Many seeds of one model; every figure in percent."""

    model: str
    mean: float
    std: float | None  # None of one seed
    min: float
    max: float
    n: int
    wilson95: list[float]
    int8_mean: float | None
    recipe: dict[str, Any]
    parameters: int
    macs: int
    teacher: dict[str, Any] | None
    command: str
    data_hash: str
    environment: dict[str, Any]
    seeds: list[Seed]


class Point(TypedDict):
    """A share of the images and a way to train on it: what some seeds reach."""

    percent: int
    images: int
    way: str
    mean: float
    std: float | None
    n: int
    seeds: list[Reached]
    epochs: NotRequired[int]  # of a subset
    ema: NotRequired[float]


class LessData(Origin):
    """All points of one model."""

    command: str
    environment: dict[str, Any]
    points: list[Point]


class Validation(TypedDict):
    """What one average of the weights reaches on the validation images."""

    accuracy: float  # percent
    loss: float
    temperature: float


class Attempt(TypedDict):
    """One line of search.jsonl: a net, a recipe, and what became of them."""

    note: str  # what it tries
    spec: str  # of its layers, or a model's name
    seed: int
    parameters: int
    macs: int
    recipe: dict[str, Any]
    train_accuracy: float
    validation: dict[str, Validation]  # by the average's decay; raw: of the weights
