"""The version of this project, which every generated file names."""

VERSION = "0.2.0"
