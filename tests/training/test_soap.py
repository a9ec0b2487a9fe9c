"""SOAP: Adam where there is no matrix, better than Adam where directions mix."""

import torch
from torch import Tensor, nn

from training.soap import Soap


def _run(optimizer: torch.optim.Optimizer, x: nn.Parameter, h: Tensor, n: int) -> float:
    """Loss after n steps on a quadratic bowl whose axes `h` turns away from ours."""
    for _ in range(n):
        optimizer.zero_grad()
        loss = (h @ x @ h).square().sum()
        loss.backward()
        optimizer.step()
    return float((h @ x @ h).square().sum().detach())


def test_of_a_vector_it_is_adamw() -> None:
    torch.manual_seed(0)
    start, gradients = torch.randn(5), torch.randn(6, 5)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    soap = Soap([ours], lr=0.1, betas=(0.9, 0.99), weight_decay=0.01)
    adam = torch.optim.AdamW([theirs], lr=0.1, betas=(0.9, 0.99), weight_decay=0.01)
    for gradient in gradients:
        ours.grad = theirs.grad = gradient
        soap.step()
        adam.step()
    torch.testing.assert_close(ours, theirs)


def test_it_finds_the_axes_of_a_bowl_that_adam_does_not() -> None:
    torch.manual_seed(1)
    turn = torch.linalg.qr(torch.randn(8, 8))[0]
    h = turn @ torch.diag(torch.logspace(0, -1.5, 8)) @ turn.T
    start = torch.randn(8, 8)
    x, y = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    ours = _run(Soap([x], lr=0.03, betas=(0.9, 0.99)), x, h, 150)
    theirs = _run(torch.optim.AdamW([y], 0.03, (0.9, 0.99), weight_decay=0), y, h, 150)
    assert ours < 0.3 * theirs


def test_the_basis_stays_orthogonal_and_a_convolution_is_one_matrix() -> None:
    torch.manual_seed(2)
    x = nn.Parameter(torch.randn(6, 4, 3, 3))
    soap = Soap([x], lr=0.01, refresh=3)
    for _ in range(10):
        x.grad = torch.randn_like(x)
        soap.step()
    state = soap.state[x]
    for side, size in (("left_basis", 6), ("right_basis", 36)):
        basis = state[side]
        assert basis.shape == (size, size)
        torch.testing.assert_close(basis.T @ basis, torch.eye(size))
