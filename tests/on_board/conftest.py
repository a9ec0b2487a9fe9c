"""The board under test: flashed by `esp8k test-board`, which calls pytest here."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from core.words import HARDWARE
from tools.boards import boards, virtual_board
from tools.boards.boards import Board
from tools.classify.host import Host
from tools.link.client import Device
from training import data

Press = Callable[[Device], bool]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("esp8k")
    group.addoption("--model", default="v3", help="what was flashed")
    group.addoption("--board", default="virtual", help="its name")
    group.addoption("--board-port", help="its port; none: an emulator is started")
    group.addoption("--images", type=int, default=1000, help="with each engine")


@pytest.fixture(scope="session")
def model(pytestconfig: pytest.Config) -> str:
    return str(pytestconfig.getoption("model"))


@pytest.fixture(scope="session")
def line(pytestconfig: pytest.Config, model: str) -> Iterator[tuple[str, Press]]:
    """The board's port, and what presses its reset button."""
    name, port = (pytestconfig.getoption(o) for o in ("board", "board_port"))
    if port is None:
        with virtual_board.start(model, name) as running:

            def press(device: Device) -> bool:
                running.press_reset()
                return True

            yield running.port, press
            if not running.alive():  # why tests failed: its process ended
                raise running.failure()
        return
    board = Board(name, HARDWARE, port)
    with boards.open_port(board, model) as opened:
        yield opened, lambda device: device.session.transport.pulse_reset()


@pytest.fixture
def port(line: tuple[str, Press]) -> str:
    """Where pytest-embedded opens its `dut`, and we our `Device`."""
    return line[0]


@pytest.fixture
def device(port: str) -> Iterator[Device]:
    with Device.open(port) as device:
        yield device


@pytest.fixture(scope="session")
def host(model: str) -> Host:
    return Host(model)


@pytest.fixture(scope="session")
def images(pytestconfig: pytest.Config) -> np.ndarray:
    """Test images: (N, 28, 28) uint8."""
    return np.asarray(data.load().test_images)[: pytestconfig.getoption("images")]
