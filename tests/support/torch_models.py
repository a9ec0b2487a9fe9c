"""PyTorch models that the exporter folds."""

import torch
from torch import nn


def shaken(model: nn.Module) -> nn.Module:
    """The model with batch norms that do something."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.2, 2.0)
    return model.eval()


class Residual(nn.Module):
    """Depthwise, pointwise, a skip and an average: what v3 may use."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU6())
        self.depth = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.norm = nn.BatchNorm2d(6)
        self.point = nn.Conv2d(6, 6, 1)
        self.head = nn.Linear(6, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x + torch.relu(self.point(self.norm(self.depth(x))))
        x = nn.functional.max_pool2d(nn.functional.leaky_relu(x, 0.1), 2)
        return self.head(x.mean((2, 3)))
