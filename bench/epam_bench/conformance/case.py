"""One small network whose multiply-adds are known by hand, and what such a network is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Arguments = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network, what it is called with, and its multiply-adds.

    Every truth follows one convention: a multiply-add is what a convolution, a matrix product or an
    attention computes to make its result from its operands as they are shaped. So positions of
    padding count (they are multiplied by zero, but multiplied), a mask does not halve an attention,
    and a transposed convolution multiplies each element of its *input* by each weight that it meets.
    Biases, norms, activations, pooling, interpolation and whatever else goes element by element
    count nothing.

    Attributes:
        name: unique; what the table prints.
        group: the file that it is in.
        build: makes the network, in training mode as PyTorch does; counters switch to eval mode.
        args: draws the positional arguments.
        kwargs: draws the keyword arguments.
        truth: multiply-adds of one call, worked out by hand; no counter was asked.
        working: the factors of ``truth`` in words.
    """

    name: str
    group: str
    build: Callable[[], nn.Module]
    args: Callable[[], Arguments]
    truth: int
    working: str
    kwargs: Callable[[], Mapping[str, Any]] = dict


def drawn(*shapes: tuple[int, ...]) -> Callable[[], Arguments]:
    """Draws one standard normal tensor of each shape."""
    return lambda: tuple(torch.randn(shape) for shape in shapes)


class Computes(nn.Module):
    """A network without weights: what the function makes of the arguments."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Whatever the function takes and gives."""
        return self.function(*args, **kwargs)


class WithWeight(nn.Module):
    """A network of one weight that no layer holds: ``function(weight, *inputs)``."""

    def __init__(self, shape: tuple[int, ...], function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape))
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        """Whatever the function makes of the weight and the inputs."""
        return self.function(self.weight, *inputs)
