"""What every pixel lacks of its paper's light: ink, and the noise around it."""

import cv2
import numpy as np

Array = np.ndarray

LIFT = 12  # grey levels added to both sides of a ratio: the dark is noisy
COLOUR = 0.85  # what one colour counts beside grey: it is noisier


def darkness(smooth: Array, chalk: bool, share: float) -> Array:
    """What every pixel lacks of its paper's light (H, W); chalk: what it has more.

    The paper is what a window of that share of the longer side shows as its brightest.
    """
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
