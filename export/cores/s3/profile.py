"""What a profile asks of this core: fewer instructions, or less memory."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """How much memory is worth how many instructions."""

    small: int  # bytes; an arena no larger is as good as none
    sums: int  # bytes of sums that are finished together, where that can be chosen
    power: int  # to which an arena's bytes count beside instructions


PROFILES = {
    "speed": Profile(small=12_288, sums=2_048, power=1),
    "balanced": Profile(small=0, sums=256, power=2),
    "size": Profile(small=0, sums=256, power=8),
}
