"""PlatformIO's handle on the boards in this folder; all defaults."""

from platformio.platform.base import PlatformBase


class VirtualPlatform(PlatformBase):
    """Nothing to install: the compilers come from the distribution."""
