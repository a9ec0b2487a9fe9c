"""Open a picture file of any kind that we read; what cannot be read is named.

    image = open_picture(Path("photo.jpg"))     # a PIL image, upright

Only the formats below are tried, so no file can start another program (PIL would call
Ghostscript for EPS), and a picture's size is looked at before its pixels are.
"""

import glob
import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import Esp8kError
from core.inputs import opened

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "ICO")
CURE = "give a picture of one digit: PNG, JPEG, BMP, GIF, WebP or TIFF"
MOST_PIXELS = 50_000_000  # of a picture that must be unpacked whole; about 200 MB
MOST_BYTES = 64_000_000  # of a file
DRAFT_PX = 1_000  # a JPEG is unpacked to no less than that
MOST_FRAMES = 20  # of an animation
HEIC = re.compile(rb"^....ftyp(hei[cxms]|hev[cx]|mif1|msf1|avif)", re.DOTALL)
HEIC_CURE = (
    "save it as JPEG (iPhone: Settings, Camera, Formats, Most Compatible; or share "
    "the photo by mail)"
)


def matching(pattern: Path) -> list[Path]:
    """The file of that name, or all that fit the pattern, sorted by name."""
    if pattern.exists() or not glob.has_magic(str(pattern)):
        return [pattern]
    found = sorted(glob.glob(str(pattern)))
    if not found:
        raise Esp8kError(f"no file fits {pattern}", "check the path")
    return [Path(name) for name in found]


def open_picture(path: Path) -> Image.Image:
    """Read and turn upright; anything that is no picture is an `Esp8kError`."""
    if re.match(r"\w{2,}:/", str(path)):
        raise Esp8kError(f"{path} is an address, not a file", "download it first")
    try:
        if path.is_dir():
            cure = f'for all pictures in it give "{path / "*"}"'
            raise Esp8kError(f"{path} is a folder, not a picture", cure)
        if not path.exists():
            raise Esp8kError(f"there is no file {path}", "check the path")
        with opened(path, "a picture") as file:
            return decode(file, str(path))
    except PermissionError:
        raise Esp8kError(f"{path} cannot be read", "check its rights") from None


def decode(stream: IO[bytes], name: str) -> Image.Image:
    """Any picture of `FORMATS`, upright; every damage is an `Esp8kError`."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    start = stream.read(16)
    stream.seek(0)
    if size == 0:
        raise Esp8kError(f"{name} is an empty file", CURE)
    if HEIC.match(start):
        raise Esp8kError(f"{name} is HEIC or AVIF, which is not read", HEIC_CURE)
    if size > MOST_BYTES:
        raise Esp8kError(f"{name} is far too large", "scale it down")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PIL grumbles about damaged tags
            with Image.open(stream, formats=FORMATS) as image:
                return upright(image, name)
    except UnidentifiedImageError:
        raise Esp8kError(f"{name} is not a picture that is read here", CURE) from None
    except Image.DecompressionBombError:
        raise Esp8kError(f"{name} is far too large", "scale it down") from None
    except Esp8kError:
        raise
    except Exception as error:  # PIL's parsers raise anything on damaged files
        raise Esp8kError(f"{name} is damaged: {error}", CURE) from None


def upright(image: Image.Image, name: str) -> Image.Image:
    """Unpacked, turned as its EXIF says; of an animation the first frame that is not
    of one colour."""
    image.draft("RGB", (DRAFT_PX, DRAFT_PX))
    if image.width * image.height > MOST_PIXELS:
        width, height = image.size
        cure = "scale it down, or save it as JPEG"
        raise Esp8kError(f"{name} is far too large: {width}x{height} pixels", cure)
    for frame in frames(image):
        if not of_one_colour(frame):
            return frame
    image.seek(0)
    return ImageOps.exif_transpose(image)


def frames(image: Image.Image) -> Iterator[Image.Image]:
    """The frames of an animation, one of anything else."""
    count = getattr(image, "n_frames", 1) if image.format == "GIF" else 1
    for number in range(min(count, MOST_FRAMES)):
        image.seek(number)
        yield ImageOps.exif_transpose(image)


def of_one_colour(image: Image.Image) -> bool:
    """Whether there is nothing to see."""
    low_high = image.getextrema()
    bands = [low_high] if isinstance(low_high[0], (int, float)) else low_high
    return all(low == high for low, high in bands)
