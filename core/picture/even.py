"""Even paper, as a drawing program's or a scan's: ink is what differs in colour."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray

RIM = 20  # the outermost 1/RIM of a picture, where paper is expected
EVEN = 12  # grey levels by which an even paper's colour varies at most
VIVID = 30  # grey levels by which ink must differ in some colour
OPPOSED = 0.1  # of the largest difference, that another colour has the other way
MOSTLY = 55  # percent of a rim that is even paper where a digit was cut out tightly
PAPER = 230  # grey level that even paper is shown with


@dataclass(frozen=True)
class Way:
    """How the ink differs from an even paper."""

    grey: Array  # uint8 (H, W, 3): dark where a pixel is of the ink's colour
    opposed: bool  # lighter than the paper in one colour, darker in another
    light: bool  # lighter on the whole
    whole: bool  # nearly all of the picture's rim is paper
    tight: bool  # ink reaches the rim, as where a digit was cut out


def by_colour(smooth: Array) -> Way | None:
    """On even paper, how far each pixel lies on the way from its colour to the ink's.

    Green on red is neither dark ink nor chalk, and has no other reading; of other ink
    this way tells which of the two it is. None where the paper is not even.
    """
    height, width = smooth.shape[:2]
    edge = max(2, max(height, width) // RIM)
    rim = np.ones((height, width), bool)
    rim[edge:-edge, edge:-edge] = False
    paper = np.median(smooth[rim], axis=0)
    apart = smooth.astype(np.float32) - paper.astype(np.float32)
    size = np.abs(apart).max(2)
    whole = bool(np.percentile(size[rim], 90) <= EVEN)
    tight = cut_out(size, rim, edge)
    if not (whole or tight):
        return None
    strong = size > max(VIVID, 0.6 * float(np.percentile(size, 99.5)))
    if not strong.any():
        return None
    way = np.median(apart[strong], axis=0)
    opposed = bool(min(way.max(), -way.min()) >= OPPOSED * np.abs(way).max())
    grey = np.clip(PAPER - 200 * (apart @ way) / float(way @ way), 0, 255)
    shown = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    return Way(shown, opposed, bool(way.sum() > 0), whole, tight)


def cut_out(size: Array, rim: Array, edge: int) -> bool:
    """Whether ink reaches the rim, which is even paper else: so are opposite corners.

    `size` (H, W): how far each pixel is from paper. A table, a shadow, or the end of a
    page fills two corners of a side at least, or is not even.
    """
    outermost = size[[0, -1]].max() > VIVID or size[:, [0, -1]].max() > VIVID
    ends = slice(0, edge), slice(-edge, None)
    corners = [np.median(size[y, x]) <= EVEN for y in ends for x in ends]
    opposite = all(corners[::3]) or all(corners[1:3])
    paper = np.percentile(size[rim], MOSTLY) <= EVEN
    return bool(outermost and paper and opposite)
