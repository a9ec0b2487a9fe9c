"""Find the ink of a drawn digit in a picture, and tell it from all else in there.

    found = find(rgb)       # None: nothing is drawn
    found.digits            # (ink 0..1, mask), each (H, W), from left to right
    found.left_out          # what else there was, in words

The light is taken out first: a grey closing (an opening for chalk) with a window wider
than a stroke gives the paper, and ink is what the paper lacks of its light. Lines from
rim to rim are erased. The rest is cut at several levels of darkness
(`core.picture.pieces`); every connected piece at every level is a candidate, and the
one with the strongest and largest outline that looks like strokes is the digit. OpenCV
does the work on pixels.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from core.picture.boxes import contains, share_of
from core.picture.even import PAPER, Way, by_colour
from core.picture.grouping import group, paste
from core.picture.lines import erase_lines
from core.picture.pieces import Piece, pieces
from core.picture.rows import more, neighbours
from core.picture.surfaces import is_frame, is_sheet, lies_on
from core.placing import Box, bounds

Array = np.ndarray

WINDOWS = (0.2, 0.09, 0.045)  # of the longer side; wider than strokes, or than folds
WIDEST = 0.7  # where nothing is found with those: a digit as wide as the picture
LEVELS = (0.03, 0.045, 0.07, 0.1, 0.15, 0.22, 0.32, 0.45, 0.6)  # darkness, of 1
LINE_LEVELS = 4  # levels, from the lowest, at which ruled lines are sought
NOISE_LEVEL = 2.0  # the lowest level is that many times the noise
LIFT = 12  # grey levels added to both sides of a ratio: the dark is noisy
COLOUR = 0.85  # what one colour counts beside grey: it is noisier
CERTAIN = 0.8  # dark ink that clear leaves no room for chalk
CLEAR = 0.3  # a digit that clear needs no lines erased
CHALK = 0.7  # light ink must be that much clearer than dark ink
HOLLOW = 0.6  # a stroke wider than that share of the window comes out hollow
ERASED = 0.85  # a digit between erased lines is worth less than one beside lines
WITHIN = 0.35  # dark ink within a light piece counts from that share of its score
AGREED = 0.6  # of two boxes that two ways to read agree on
LEAST = 0.01  # a candidate less clear than that is nothing drawn
FRAMES = 40  # best candidates among which frames are sought
MARGIN = 8  # such a picture gets 1/MARGIN of its longer side around it
FILLED = 0.8  # of such a picture's height or width, that its digit takes
STROKES = 0.6  # a light piece that clear, and no full surface, is no note
MORE = "more of the same ink"  # left out: what was read is not all that is drawn


@dataclass(frozen=True)
class Found:
    """The digits, and what was told from them."""

    digits: tuple[tuple[Array, Array], ...]  # ink float64 0..1, mask bool; (H, W) each
    main: int  # the clearest of them
    left_out: tuple[str, ...]  # "ruled lines", "a frame", ...
    box: Box  # of the chosen piece
    score: float  # how clear it is; to compare with other ways to read the picture
    sheet: bool  # it is a full surface, as a note is
    hollow: bool  # its strokes are about as wide as the window
    frames: Array | None  # bool (H, W): where frames are; None without one

    @property
    def worth(self) -> float:
        """The score beside that of another way to read; a hollow stroke lacks ink."""
        return self.score * (0.5 if self.hollow else 1)


@dataclass(frozen=True)
class View:
    """A picture seen through one window."""

    dark: Array  # float32 (H, W): what the paper lacks of its light
    rgb: Array  # uint8 (H, W, 3), smoothed
    levels: tuple[float, ...]  # of darkness at which it is cut
    paper: float  # darkness of bare paper
    noise: float  # its spread
    chalk: bool  # light ink on a dark board
    share: float  # width of the window, of the longer side


def find(rgb: Array) -> Found | None:
    """The digit in a picture of working size, uint8 (H, W, 3)."""
    smooth = cv2.GaussianBlur(rgb, (0, 0), 1.0)
    even: Found | None = None
    if (way := by_colour(smooth)) is not None:
        even = evenly(way)
        if way.opposed:
            return even
    dark = clearest(smooth, chalk=False)
    # A light piece may be a note on an even desk: chalk must say the same, below.
    if way is not None and even is not None:
        strokes = not way.light or (even.score > STROKES and not even.sheet)
        if strokes and (dark is None or even.worth > dark.worth):
            return even
    light = cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY)
    most = CHALK * (1 - float(np.median(light)) / 256)  # chalk's score at its best
    if dark is not None and dark.score > CERTAIN * most:
        return dark
    chalk = clearest(smooth, chalk=True)
    if dark is None or chalk is None:
        return dark or chalk
    # A white note on a desk is no chalk: dark ink within it is what counts.
    within = contains(chalk.box, dark.box) and not dark.hollow
    note = within and chalk.sheet
    if even is not None and not (note or even.hollow):
        # A hollow chalk's box is that of what is left of a stroke.
        if chalk.hollow or share_of(even.box, chalk.box) > AGREED:
            return even
    share = WITHIN if note else 1.0
    return dark if dark.score > share * chalk.score else chalk


def evenly(way: Way) -> Found | None:
    """The digit on even paper; what was cut out tightly gets more of it around."""
    found = clearest_within(way.grey) if way.tight else None
    if found is None and way.whole:
        return clearest(way.grey, chalk=False)
    return found


def clearest_within(grey: Array) -> Found | None:
    """The reading with paper put around, where that is one of all of the picture."""
    by = max(grey.shape) // MARGIN
    paper = np.pad(grey, ((by, by), (by, by), (0, 0)), constant_values=PAPER)
    found = clearest(paper, chalk=False)
    if found is None or found.score < STROKES:
        return None
    top, left, bottom, right = box = tuple(v - by for v in found.box)
    height, width = grey.shape[:2]
    if max((bottom - top) / height, (right - left) / width) < FILLED:
        return None
    inner = slice(by, -by), slice(by, -by)
    digits = tuple((ink[inner], mask[inner]) for ink, mask in found.digits)
    frames = None if found.frames is None else found.frames[inner]
    return replace(found, digits=digits, box=box, frames=frames)


def clearest(smooth: Array, chalk: bool) -> Found | None:
    """The best reading with windows of all widths; wider ones where a stroke asks."""
    found = [f for share in WINDOWS for f in readings(smooth, chalk, share)]
    best = max(found, key=lambda f: f.score, default=None)
    if best is None or best.hollow:
        found += readings(smooth, chalk, WIDEST)
        best = max(found, key=lambda f: f.worth, default=None)
    return best


def readings(smooth: Array, chalk: bool, share: float) -> list[Found]:
    """The digit with the ruled lines, if there are any, left in and erased."""
    dark = darkness(smooth, chalk, share)
    paper, noise = noise_of(dark)
    levels = tuple(paper + level for level in LEVELS if level > NOISE_LEVEL * noise)
    view = View(dark, smooth, levels, paper, noise, chalk, share)
    found = [choose(view, ())]
    if found[0] is None or found[0].score < CLEAR:
        erased = dark
        left_out: tuple[str, ...] = ("ruled lines",)
        if found[0] is not None and found[0].frames is not None:
            erased = np.where(found[0].frames, np.float32(paper), dark)
            left_out = ("a frame", *left_out)
        framed = erased
        for level in levels[:LINE_LEVELS]:
            erased = erase_lines(erased, level, paper)
        if erased is not framed:
            found.append(choose(replace(view, dark=erased), left_out))
    return [f for f in found if f is not None]


def darkness(smooth: Array, chalk: bool, share: float) -> Array:
    """What every pixel lacks of its paper's light (H, W); chalk: what it has more."""
    side = int(share * max(smooth.shape[:2])) | 1
    window = np.ones((side, side), np.uint8)
    planes = [cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY), *cv2.split(smooth)]
    lack: Array | None = None
    for plane in planes:
        if chalk:
            light = plane
            less = cv2.morphologyEx(plane, cv2.MORPH_OPEN, window)
        else:
            light = cv2.morphologyEx(plane, cv2.MORPH_CLOSE, window)
            less = plane
        weight = 1.0 if lack is None else COLOUR
        own = cv2.divide(
            cv2.subtract(light, less),
            cv2.add(light, np.full_like(light, LIFT)),
            None,
            weight,
            cv2.CV_32F,
        )
        lack = own if lack is None else cv2.max(lack, own)
    return np.asarray(lack)


def noise_of(dark: Array) -> tuple[float, float]:
    """Level and spread of the bare paper."""
    few = dark[::2, ::2]
    fine = few - cv2.GaussianBlur(dark, (0, 0), 3)[::2, ::2]
    spread = float(np.median(np.abs(fine - np.median(fine))))
    return float(np.median(few)), 1.4826 * spread


def choose(view: View, left_out: tuple[str, ...]) -> Found | None:
    """The best candidate at any level, with the pieces that belong to it."""
    dark, paper = view.dark, view.paper
    bright = float(np.percentile(view.rgb[::2, ::2].mean(2), 90)) + 1
    erased = ERASED if left_out else 1.0

    def clear(piece: Piece) -> float:
        """A page is the brightest thing around, a board the darkest."""
        if view.chalk:
            return erased * piece.score * CHALK * (1 - piece.light / 256)
        return erased * piece.score * float(min(1.0, piece.light / bright) ** 0.7)

    found = sorted(
        pieces(dark, view.rgb, view.levels, view.noise), key=clear, reverse=True
    )
    frames = [p for p in found[:FRAMES] if is_frame(p, found)]
    on_frames = covered(frames, dark.shape) if frames else None
    # A frame's parts at other levels are no frames, and no digits either.
    rest = [p for p in found if on_frames is None or not lies_on(p, on_frames)]
    if not rest or clear(rest[0]) < LEAST:
        return None
    if frames:
        left_out = (*left_out, "a frame")
    if any(p.rim and p.extent > 0.3 * max(dark.shape) for p in rest):
        left_out = (*left_out, "an edge at the rim")
    row = neighbours(rest[0], rest)  # from left to right
    masks = [group(piece, rest, dark.shape) for piece in row]
    digits = tuple((render(dark, mask, paper), mask) for mask in masks)
    if more(rest[0], [bounds(mask) for mask in masks], rest):
        left_out = (*left_out, MORE)
    main = next(i for i, piece in enumerate(row) if piece is rest[0])
    hollow = rest[0].stroke > HOLLOW * view.share * max(dark.shape)
    sheet = is_sheet(rest[0])
    box, score = rest[0].box, clear(rest[0])
    return Found(digits, main, left_out, box, score, sheet, hollow, on_frames)


def covered(frames: list[Piece], shape: tuple[int, ...]) -> Array:
    """Where frames are, with their edges, bool (H, W)."""
    on: Array = np.zeros(shape, bool)
    for frame in frames:
        paste(on, frame)
    return cv2.dilate(on.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def render(dark: Array, mask: Array, paper: float) -> Array:
    """Ink 0..1: full where the pieces are darkest, fading within pixels of them."""
    full = float(np.percentile(dark[mask], 75))
    floor = paper + 0.25 * (full - paper)
    ink = np.clip((dark - floor) / max(0.8 * (full - floor), 1e-6), 0, 1)
    near = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    return np.asarray(ink * near, np.float64)
