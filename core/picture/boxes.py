"""Boxes in a picture: top, left, bottom, right (exclusive), in pixels."""

from core.placing import Box


def grown(box: Box, by: int) -> Box:
    """The box, `by` pixels wider at each side."""
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def share_of(one: Box, other: Box) -> float:
    """What two boxes have in common, of what they cover together, 0..1."""
    tall = min(one[2], other[2]) - max(one[0], other[0])
    wide = min(one[3], other[3]) - max(one[1], other[1])
    common = max(0, tall) * max(0, wide)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return common / (sum(areas) - common)


def contains(outer: Box, inner: Box) -> bool:
    """Whether `inner` lies within `outer` and is smaller."""
    return (
        inner[0] > outer[0]
        and inner[1] > outer[1]
        and inner[2] < outer[2]
        and inner[3] < outer[3]
    )


def clear_of(one: Box, other: Box) -> bool:
    """Whether two boxes have nothing in common."""
    rows = one[2] <= other[0] or other[2] <= one[0]
    return rows or one[3] <= other[1] or other[3] <= one[1]


def is_cut_off(box: Box, shape: tuple[int, ...], around: int) -> bool:
    """Whether it ends at one side of a picture and not at the other, as an arm does.

    `around`: pixels that the picture was given on each side.
    """
    (top, left, bottom, right), (height, width) = box, shape[:2]
    ends = [top <= around + 1, bottom >= height - around - 1]
    sides = [left <= around + 1, right >= width - around - 1]
    return ends[0] != ends[1] or sides[0] != sides[1]
