"""What a component holds beside the network in portable C."""

from dataclasses import dataclass

from core.doubt import Doubt
from core.words import DEFAULT_CORES, Cores


@dataclass(frozen=True)
class Contents:
    """As a command line asks for it."""

    cores: Cores = DEFAULT_CORES  # whose kernels: every core's, none, or one's
    doubt: Doubt | None = None  # the decision sure, unsure, no digit
    prepare: bool = False  # frames and strokes to the network's 28x28
    views: bool = False  # the sum of five shifted views
    url: str = ""  # of the project that publishes it: registries ask for one


USUAL = Contents()
