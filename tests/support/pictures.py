"""What the network sees of a picture: a file, a stream or a PIL image of one digit."""

from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from core.picture.image import read
from core.picture.opening import decode, open_picture


def load(path: Path, crop: str | None = None) -> np.ndarray:
    """The clearest digit in the file as MNIST would hold it, uint8 (28, 28)."""
    return read(open_picture(path), str(path), crop).pixels


def load_stream(stream: IO[bytes], name: str) -> np.ndarray:
    """As `load`, from an open file or bytes in memory."""
    return read(decode(stream, name), name).pixels


def prepare(image: Image.Image, name: str = "the image") -> np.ndarray:
    """Any PIL image of one digit -> uint8 (28, 28) as in MNIST."""
    return read(image, name).pixels
