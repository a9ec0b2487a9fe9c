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

from core.picture.boxes import contains, grown, is_cut_off, share_of
from core.picture.darkness import darkness, noise_of
from core.picture.even import PAPER, Way, by_colour
from core.picture.grouping import group, paste
from core.picture.lines import erase_lines
from core.picture.panel import panel
from core.picture.pieces import Piece, pieces
from core.picture.rows import more, neighbours
from core.picture.surfaces import is_circle, is_frame, is_sheet, lies_on
from core.placing import Box, bounds

Array = np.ndarray

WINDOWS = (0.2, 0.09, 0.045)  # of the longer side; wider than strokes, or than folds
WIDEST = 0.7  # where nothing is found with those: a digit as wide as the picture
LEVELS = (0.03, 0.045, 0.07, 0.1, 0.15, 0.22, 0.32, 0.45, 0.6)  # darkness, of 1
LINE_LEVELS = 4  # levels, from the lowest, at which ruled lines are sought
NOISE_LEVEL = 2.0  # the lowest level is that many times the noise
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
EDGE = 3  # pixels by which a part may reach over the edge of its whole
ADDED = 1.25  # of the ink of a part, that its whole has at least
SHOWN = 0.2  # a digit on a panel is that clear at least
ALL = 0.97  # share of all ink on even paper: nothing else is drawn
WRITTEN = 0.2  # dark ink on a light note is that clear at least
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
    share: float  # of the longer side: the width of the window
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
        if (shown := on_panel(rgb, way)) is not None:
            return shown
        even = evenly(way)
        if way.opposed:
            return even
    dark = clearest(smooth, chalk=False)
    # A light piece may be a note on an even desk: chalk must say the same, below.
    if way is not None and even is not None:
        strokes = not way.light or (even.score > STROKES and not even.sheet)
        less = dark is None or even.worth > dark.worth
        if strokes and (less or is_part(dark, even, way.grey)):
            return even
        if is_all(even, way.grey) and not (way.light and on_note(dark, even)):
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
        return whole_of(clearest(way.grey, chalk=False), way.grey)
    return found


def clearest_within(grey: Array) -> Found | None:
    """The reading with paper put around, where that is one of all of the picture."""
    by = max(grey.shape) // MARGIN
    paper = np.pad(grey, ((by, by), (by, by), (0, 0)), constant_values=PAPER)
    found = whole_of(clearest(paper, chalk=False), paper, by)
    if found is None or (found.score < STROKES and not is_all(found, paper, by)):
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


def whole_of(part: Found | None, grey: Array, around: int = 0) -> Found | None:
    """The stroke of which a piece of ink on even paper is but a part.

    Through a window no wider than a stroke its middle looks like paper.
    """
    if part is None or part.share == WIDEST:
        return part
    for found in readings(grey, False, WIDEST):
        if is_part(part, found, grey, around):
            return replace(found, score=max(found.score, part.score))
    return part


def is_part(part: Found | None, whole: Found, grey: Array, around: int = 0) -> bool:
    """Whether even paper has more ink in place of `part`, and no shadow."""
    if part is None or not contains(grown(whole.box, EDGE), part.box):
        return False
    if is_cut_off(whole.box, grey.shape, around):
        return False
    mask = whole.digits[whole.main][1]
    more_ink = mask.sum() > ADDED * part.digits[part.main][1].sum()
    return bool(more_ink and np.median(grey[mask]) < PAPER / 2)


def is_all(found: Found, grey: Array, around: int = 0) -> bool:
    """Whether no other ink is on even paper, so that there is nothing to choose."""
    if is_cut_off(found.box, grey.shape, around):
        return False
    dark = grey[..., 0] < PAPER / 2
    mask = found.digits[found.main][1].astype(np.uint8)
    own = cv2.dilate(mask, np.ones((2 * EDGE + 1,) * 2, np.uint8)) > 0
    return bool((dark & own).sum() > ALL * dark.sum())


def on_note(dark: Found | None, note: Found) -> bool:
    """Whether a light piece has something written on it."""
    return dark is not None and contains(note.box, dark.box) and dark.score > WRITTEN


def on_panel(rgb: Array, way: Way) -> Found | None:
    """The digit on a dark panel in the picture, where there is one."""
    if not way.whole or way.light or (inner := panel(way.grey)) is None:
        return None
    top, left, bottom, right = inner
    part = slice(top, bottom), slice(left, right)
    found = find(np.ascontiguousarray(rgb[part]))
    if found is None or found.sheet or found.score < SHOWN:
        return None
    digits = []
    for values in found.digits:
        ink, mask = np.zeros(rgb.shape[:2]), np.zeros(rgb.shape[:2], bool)
        ink[part], mask[part] = values
        digits.append((ink, mask))
    y0, x0, y1, x1 = found.box
    return replace(
        found,
        digits=tuple(digits),
        left_out=(*found.left_out, "what is around a panel"),
        box=(y0 + top, x0 + left, y1 + top, x1 + left),
        frames=None,
    )


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
    frames = [p for p in found[:FRAMES] if is_frame(p, found) or is_circle(p, found)]
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
    return Found(
        digits, main, left_out, box, score, sheet, hollow, view.share, on_frames
    )


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
