"""report.json as types: what is filed of a board, and what its page is drawn from.

They are plain dictionaries at run time, so the file holds them as they are.
"""

from typing import Any, NotRequired, TypedDict

from core.words import Evidence

# ==== One engine, host against device ====


class Accuracy(TypedDict):
    """Right answers of so many."""

    right: int
    of: int
    percent: float
    wilson95_percent: list[float]  # least, greatest


class Differences(TypedDict):
    """Real-valued logits of two: how far they are apart."""

    max: float
    rmse: float
    cosine_mean: float
    cosine_min: float


class Logits(Differences):
    """The same, and how many are not the same bits."""

    total: int
    different: int


class McNemar(TypedDict):
    """Images that one side alone has right, and how likely such a difference is."""

    only_host_right: int
    only_device_right: int
    p: float


class Digests(TypedDict):
    """CRC-32 of all logits."""

    host: str
    device: str


class Doubts(TypedDict):
    """How sure the device was of its answers, and what that is worth."""

    sure: int
    unsure: int
    no_digit: int
    accuracy_of_sure: Accuracy
    right_and_not_sure: int
    wrong_and_not_sure: int
    wrong: int


class Mistake(TypedDict):
    """An image that one of the two has wrong: its number, and three classes."""

    index: int
    true: int
    host: int
    device: int


class EngineReport(TypedDict):
    """All of one engine but its time."""

    host: Accuracy
    device: Accuracy
    agreement: int  # images of which both say the same
    mcnemar: McNemar
    logits: Logits
    digest: Digests
    doubt: Doubts | None  # None: the model has none
    label_is_argmax: bool
    confusion: list[list[int]]  # of the device, by true class and answer
    misclassified: list[Mistake]


class Spread(TypedDict):
    """Of so many values."""

    n: int
    min: float
    median: float
    max: float


# ==== Frames of a camera ====


class FrameRow(TypedDict):
    """One frame that the device prepared itself."""

    image: int  # that it was drawn from
    width: int
    height: int
    true: int
    device: int  # its answer
    equal_picture: bool
    equal_logits: bool


class Frames(TypedDict):
    """All of them."""

    engine: str
    of: int
    equal_pictures: int
    equal_logits: int
    right: int
    rows: list[FrameRow]


# ==== The whole ====


class Memory(TypedDict):
    """memory.json: bytes of the firmware."""

    code_bytes: int
    const_bytes: int
    data_bytes: int
    arena_bytes: int
    flash_bytes: int
    ram_bytes: int
    stack_bytes: NotRequired[int]


class Artefact(TypedDict):
    """A row of verify.json: an exported file, run on this computer."""

    artefact: str
    evidence: str  # what ran it
    accuracy: float  # percent


class Link(TypedDict):
    """What the line did while all images crossed it."""

    devices_at_once: int
    resets: int
    reopened: int
    losses: list[str]
    retries: int


class Timing(TypedDict):
    """What changes from run to run."""

    seconds_for_all: float
    microseconds: dict[str, Spread | None]  # by engine
    is_board_time: bool


class Provenance(TypedDict):
    """What the numbers belong to."""

    model: str
    board: str
    evidence: Evidence
    images: int
    test_images: int
    classes: list[str]
    weights_hash: str
    data_hash: str
    git_revision: str | None
    command: str
    config: dict[str, Any]  # of the training
    macs: int
    profile: str


class Report(Provenance):
    """report.json."""

    format: int
    engines: dict[str, EngineReport]
    frames: Frames | None
    instructions: dict[str, Spread | None]  # or cycles, by engine
    counter: str
    memory: Memory | None
    artefacts: list[Artefact]
    failures: list[str]
    passed: bool
    link: Link
    timing: Timing
