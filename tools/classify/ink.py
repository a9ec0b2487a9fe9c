"""Find the ink of one drawn digit: how far every pixel lies from its background.

`find_ink` serves `image`. A smooth background is fitted to the rim of the
picture and subtracted; the colour in which the rest differs most is the ink,
whatever its sign; specks are dropped.
"""

import numpy as np
from PIL import Image

from core.errors import Esp8kError

CURE = "give a picture of one digit: PNG, JPEG, BMP, GIF, WebP or TIFF"
FIT_SIDE = 64  # points a side to which the background is fitted
FAINTEST = 12.0  # grey levels (of 255) between ink and background
NOISE_RATIO = 4.0  # ink must stand out of the blurred noise by this factor
TWO_CLASSES = 0.7  # share of variance between ink and paper; 0.64 in pure noise
SPECK = 0.03  # of the largest piece of ink: smaller pieces are dirt


def find_ink(colour: Image.Image, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Ink 0..1 (H, W) without specks, and the mask of pixels that belong to it."""
    rgb = np.asarray(colour, np.float64)  # (H, W, 3)
    paper = background(rgb)
    found = separate(rgb, paper)
    if found is None and np.percentile(np.abs(rgb - paper), 98) > FAINTEST:
        # A tight crop, perhaps: most of the rim is ink.
        found = separate(rgb, plain_background(rgb))
    if found is None:
        raise Esp8kError(f"nothing is drawn in {name}", CURE)
    return found


def separate(
    rgb: np.ndarray, paper: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Ink and mask against a given background; None if nothing stands out of it."""
    signal = ink_axis(rgb - paper)
    smooth = blur(signal, max(signal.shape) / 160)
    if np.ptp(smooth) < FAINTEST:
        return None
    threshold, separation = otsu(smooth)
    rest = smooth[smooth <= threshold]
    noise = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    strong = smooth[smooth > threshold]
    full = float(np.percentile(strong, 75)) if strong.size else 0.0
    if full < max(FAINTEST, NOISE_RATIO * noise) or separation < TWO_CLASSES:
        return None
    # Blurring spreads thin strokes, so look for the edge at a third of full ink.
    above = smooth > max(0.33 * full, 2.5 * noise)
    mask = largest_pieces(above)
    # Noise alone falls into many pieces of like size, a digit into few.
    if mask.sum() < 0.5 * above.sum() or not 0 < mask.mean() < 0.85:
        return None
    raw = np.median(signal[mask])
    full = max(full, float(raw))
    floor = min(2.0 * noise, 0.3 * full)
    ink = np.clip((signal - floor) / (full - floor), 0, 1)
    return ink * grow(mask, 2), mask


def background(rgb: np.ndarray) -> np.ndarray:
    """A quadratic surface a channel, fitted to what the rim of the picture shows.

    The rim starts the fit because the digit seldom covers it; then every pixel that
    agrees with the surface joins in, so a shadow across the sheet is followed.
    """
    height, width = rgb.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    all_terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1)  # (H, W, 6)
    step_px = max(
        1, max(height, width) // FIT_SIDE
    )  # a smooth surface needs few points
    x, y = x[::step_px, ::step_px], y[::step_px, ::step_px]
    terms = all_terms[::step_px, ::step_px].reshape(-1, 6)
    values = rgb[::step_px, ::step_px].reshape(-1, 3)
    rim = (np.maximum(np.abs(x), np.abs(y)) > 0.86).reshape(-1)
    far = np.abs(values - np.median(values[rim], 0)).max(1)
    chosen = rim & (far <= 2.5 * np.median(far[rim]) + 24)
    for step in range(6):
        fit = np.linalg.lstsq(terms[chosen], values[chosen], rcond=None)[0]
        far = np.abs(values - terms @ fit).max(1)
        limit = 3.7 * np.median(far[chosen]) + 3
        pool = rim if step < 2 else np.ones_like(rim)
        if (pool & (far <= limit)).sum() < 32:
            break
        chosen = pool & (far <= limit)
    return np.asarray(all_terms @ fit)


def plain_background(rgb: np.ndarray) -> np.ndarray:
    """One colour: the mean of the rim's commonest sixteenth of the grey scale."""
    rim = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    grey = rim.mean(1)
    common = np.bincount(np.int64(grey) // 16).argmax()
    return np.asarray(rim[np.int64(grey) // 16 == common].mean(0))


def ink_axis(rest: np.ndarray) -> np.ndarray:
    """Project what differs from the background on its main colour, ink positive."""
    flat = rest.reshape(-1, 3)
    axis = np.linalg.eigh(flat.T @ flat)[1][:, -1]
    signal = flat @ axis
    # sqrt(3): a grey difference of 10 levels in all channels counts as 10.
    signal *= 1 if (signal * signal * signal).sum() > 0 else -1
    return np.asarray(signal.reshape(rest.shape[:2]) / np.sqrt(3))


def otsu(values: np.ndarray) -> tuple[float, float]:
    """The threshold that parts two classes best (Otsu 1979), and how well, 0..1."""
    counts, edges = np.histogram(values, 256)
    middle = (edges[:-1] + edges[1:]) / 2
    below, mass = np.cumsum(counts), np.cumsum(counts * middle)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = mass / below - (mass[-1] - mass) / above
        between = np.nan_to_num(below * above * gap**2 / below[-1] ** 2)
    best = int(between.argmax())
    return float(middle[best]), float(between[best] / max(values.var(), 1e-9))


def blur(values: np.ndarray, radius: float) -> np.ndarray:
    """Gaussian blur of a map of floats, one axis after the other."""
    reach = max(1, int(3 * radius))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(radius, 1e-6)) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        pad = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
        wide = np.pad(values, pad, "edge")
        length = values.shape[axis]
        parts = (
            np.take(wide, range(i, i + length), axis) for i in range(2 * reach + 1)
        )
        values = sum(t * p for t, p in zip(taps, parts, strict=True))
    return values


def grow(mask: np.ndarray, reach: int) -> np.ndarray:
    """Dilate by a square of `reach` pixels to each side."""
    height, width = mask.shape
    wide = np.pad(mask, reach)
    steps = range(2 * reach + 1)
    tall = np.logical_or.reduce([wide[i : i + height] for i in steps])
    return np.asarray(np.logical_or.reduce([tall[:, i : i + width] for i in steps]))


def largest_pieces(mask: np.ndarray) -> np.ndarray:
    """Keep the connected pieces that are no specks beside the largest one."""
    labels = pieces(mask)
    sizes = np.bincount(labels.reshape(-1))
    sizes[0] = 0
    keep = sizes >= max(SPECK * sizes.max(initial=0), 1)
    return np.asarray(keep[labels] & mask)


def pieces(mask: np.ndarray) -> np.ndarray:
    """Label 8-connected pieces 1..n by union of the runs of neighbouring rows."""
    labels = np.zeros(mask.shape, np.int64)
    parent = [0]

    def root(label: int) -> int:
        while parent[label] != label:
            parent[label] = parent[parent[label]]
            label = parent[label]
        return label

    above: list[tuple[int, int, int]] = []  # start, end, label of the row before
    for row, line in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.r_[0, line.view(np.int8), 0]))
        runs = []
        for start, end in edges.reshape(-1, 2).tolist():
            touching = [label for a, b, label in above if a <= end and b >= start]
            if not touching:
                parent.append(len(parent))
                touching = [parent[-1]]
            for other in touching[1:]:
                parent[root(other)] = root(touching[0])
            labels[row, start:end] = touching[0]
            runs.append((start, end, touching[0]))
        above = runs
    roots = np.array([root(label) for label in range(len(parent))])
    return np.unique(roots, return_inverse=True)[1][labels]
