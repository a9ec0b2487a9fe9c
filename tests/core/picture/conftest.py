"""One thread for OpenCV: beside other tests more threads only wait for each other."""

import cv2
import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    cv2.setNumThreads(1)
