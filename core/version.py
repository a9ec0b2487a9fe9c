"""The version of this project, which every generated file names."""

VERSION = "0.2.0"
URL = "https://esp8k.example"  # of the published project; no registry has it yet
