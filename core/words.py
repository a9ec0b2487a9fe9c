"""The words that stages, files and people share, each written once.

The types are what a command line accepts; the tuples hold the same words in the order
in which they are shown. They stand here because most commands need them and not
torch, which takes a second to import.
"""

from typing import Literal, get_args

# Every network of ours, by the name of its files; `training/models.py` builds them.
ModelName = Literal["v1", "v2", "v3", "v3-small"]
MODELS: tuple[ModelName, ...] = get_args(ModelName)
DEFAULT_MODEL: ModelName = "v3"  # the Makefile's too

# Data sets of MNIST's shape by name; `training/data.py` reads them, and folders. The
# Makefile reads this line, as it does those of the other words.
Dataset = Literal["mnist", "fashion", "kmnist"]

# The arithmetic on the chip. The order is the link's: an engine's number is its place.
Engine = Literal["int8", "f16"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

# What the generated C is made for.
Profile = Literal["speed", "balanced", "size"]
PROFILES: tuple[Profile, ...] = get_args(Profile)
DEFAULT_PROFILE: Profile = "balanced"  # the Makefile's too

# Whose kernels a component holds beside the portable C, which every other target
# gets: those of every core, chosen by the compiler's target, none, or one core's.
Cores = Literal["all", "portable", "lx6", "s3"]
DEFAULT_CORES: Cores = "all"

# How a figure was come by. `host` is a program of this computer, `host process` the
# whole firmware as one, behind a port: neither is a board.
Evidence = Literal["built", "host", "host process", "emulated", "on hardware"]
BUILT: Evidence = "built"
HOST: Evidence = "host"
PROCESS: Evidence = "host process"
EMULATED: Evidence = "emulated"
HARDWARE: Evidence = "on hardware"
# What a device counts, as its hello says it, where that is a measurement of a chip.
CYCLES = "cycles"
