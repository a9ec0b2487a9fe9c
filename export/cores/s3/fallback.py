"""Stages that this core computes in portable C, in the same layouts."""

from export.cores.s3.kernel import Call
from export.cores.s3.layout import Layout
from export.graph.fusion import Stage
from export.graph.network import Network
from core.errors import Esp8kError


def calls(
    network: Network, stage: Stage, layouts: dict[int, Layout], name: str
) -> list[Call]:
    """The calls of the stage."""
    raise Esp8kError(f"no kernel for {stage.name} ({stage.head.kind})", "later")
