"""One data set for all tests of this folder, and one thread: see training/train.py."""

import pytest
import torch

from training import data


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def mnist() -> data.Data:
    return data.load()
