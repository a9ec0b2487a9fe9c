"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

After Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam" (2024,
arXiv:2409.11321). A convolution counts as the matrix (outputs, inputs x kernel); what
is not a matrix (biases, batch norm) is left to plain Adam. For 8,000 parameters the
matrices have at most a few hundred rows, and the extra work is a few small products.

Ours, because PyTorch has none, and a packaged one that we tried takes a convolution's
axes one by one and is slower (training/README.md).
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

MEMORY = 0.95  # decay of the averages of G G' and G' G


class Soap(torch.optim.Optimizer):
    """`lr` and `betas` may change between steps, as one cycle does."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.95, 0.99),
        weight_decay: float = 0.0,
        refresh: int = 10,
        eps: float = 1e-8,
    ) -> None:
        """`refresh`: steps between updates of the eigenbasis."""
        defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "eps": eps}
        super().__init__(parameters, defaults)
        self.refresh = refresh

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; a matrix's first only finds the basis."""
        assert closure is None, "not supported"
        for group in self.param_groups:
            for parameter in group["params"]:
                assert parameter.grad is not None
                self._update(parameter, _matrix(parameter.grad), group)

    def _update(self, parameter: Tensor, g: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state |= {"steps": 0, "beta1s": 1.0, "beta2s": 1.0}
            state |= {"mean": torch.zeros_like(g), "square": torch.zeros_like(g)}
            if g.ndim == 2:
                for side, product in (("left", g @ g.T), ("right", g.T @ g)):
                    state[side] = product
                    state[f"{side}_basis"] = torch.linalg.eigh(product)[1].flip(1)
                return
        beta1, beta2 = group["betas"]
        state["steps"] += 1
        state["beta1s"] *= beta1
        state["beta2s"] *= beta2
        mean, square = state["mean"], state["square"]
        mean.lerp_(g, 1 - beta1)
        turned = _turn(g, state)
        square.mul_(beta2).addcmul_(turned, turned, value=1 - beta2)
        scale = (square / (1 - state["beta2s"])).sqrt_().add_(group["eps"])
        change = _turn_back(_turn(mean, state) / scale, state)
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        rate = group["lr"] / (1 - state["beta1s"])
        parameter.add_(change.reshape(parameter.shape), alpha=-rate)
        if g.ndim == 2:
            state["left"].lerp_(g @ g.T, 1 - MEMORY)
            state["right"].lerp_(g.T @ g, 1 - MEMORY)
            if state["steps"] % self.refresh == 0:
                _refresh(state)


def _matrix(g: Tensor) -> Tensor:
    return g.reshape(len(g), -1) if g.ndim > 1 else g


def _turn(g: Tensor, state: dict[str, Any]) -> Tensor:
    return state["left_basis"].T @ g @ state["right_basis"] if g.ndim == 2 else g


def _turn_back(g: Tensor, state: dict[str, Any]) -> Tensor:
    return state["left_basis"] @ g @ state["right_basis"].T if g.ndim == 2 else g


def _refresh(state: dict[str, Any]) -> None:
    """One step of the power iteration; the squares move with their directions."""
    for axis, side in enumerate(("left", "right")):
        product, basis = state[side], state[f"{side}_basis"]
        order = (basis * (product @ basis)).sum(0).argsort(descending=True)
        state["square"] = state["square"].index_select(axis, order)
        state[f"{side}_basis"] = torch.linalg.qr(product @ basis[:, order])[0]
