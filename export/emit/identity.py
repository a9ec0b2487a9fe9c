"""Which model an artefact, a firmware or a device carries.

`identity_crc` is compiled into the firmware; host tools compare it with the model's
`plan.json` and refuse to compare two different converted networks, be they of one
checkpoint or of two.
"""

import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """Enough to tell two models apart."""

    model: str
    weights_hash: str  # 64 hex digits, of the checkpoint
    identity_crc: int  # CRC-32 of the weights' hash and of both .tflite's sha256


def identify(model: str, weights_hash: str, *sha256: str) -> Identity:
    """The identity of a checkpoint and the files (their sha256) made from it."""
    text = "".join((weights_hash, *sha256))
    return Identity(model, weights_hash, zlib.crc32(text.encode()))
