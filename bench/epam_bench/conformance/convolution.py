"""Convolutions: places × filters × (channels a group) × kernel."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam_bench.conformance.case import Arguments, Case, WithWeight, drawn

GROUP = "convolution"


class CausalConv3d(nn.Conv3d):
    """A subclass that pads the past itself: counters that match exact types do not know it."""

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, C', T, H, W)`` for a kernel of 3 × 1 × 1."""
        return super().forward(F.pad(x, (0, 0, 0, 0, 2, 0)))


def _standardised(weight: Tensor, x: Tensor) -> Tensor:
    """Convolution with a weight that is computed anew at each call."""
    return F.conv2d(x, (weight - weight.mean()) / weight.std(), padding=1)


def _case(
    name: str, build: Callable[[], nn.Module], args: Callable[[], Arguments], truth: int, working: str
) -> Case:
    return Case(name=name, group=GROUP, build=build, args=args, truth=truth, working=working)


# In each: batch × places of the output × filters × channels that a filter sees × kernel.
CASES = (
    _case(
        "1-D convolution",
        lambda: nn.Conv1d(4, 8, 3),
        drawn((2, 4, 10)),
        2 * 8 * 8 * 4 * 3,
        "2 clips × 8 places (10 − 3 + 1) × 8 filters × 4 channels × 3",
    ),
    _case(
        "1-D convolution, dilated and strided",
        lambda: nn.Conv1d(6, 4, 5, stride=2, padding=4, dilation=2),
        drawn((1, 6, 20)),
        10 * 4 * 6 * 5,
        "10 places (⌊(20 + 8 − 9) / 2⌋ + 1) × 4 filters × 6 channels × 5",
    ),
    _case(
        "1-D convolution, depthwise",
        lambda: nn.Conv1d(6, 6, 3, padding=1, groups=6),
        drawn((1, 6, 9)),
        9 * 6 * 1 * 3,
        "9 places × 6 filters × 1 channel × 3",
    ),
    _case(
        "2-D convolution",
        lambda: nn.Conv2d(3, 5, 3, padding=1),
        drawn((2, 3, 6, 7)),
        2 * (6 * 7) * 5 * 3 * (3 * 3),
        "2 × 6·7 places × 5 filters × 3 channels × 3·3",
    ),
    _case(
        "2-D convolution, 1 × 1",
        lambda: nn.Conv2d(6, 4, 1, bias=False),
        drawn((1, 6, 5, 5)),
        (5 * 5) * 4 * 6,
        "5·5 places × 4 filters × 6 channels",
    ),
    _case(
        "2-D convolution, depthwise",
        lambda: nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        drawn((1, 8, 6, 6)),
        (6 * 6) * 8 * 1 * (3 * 3),
        "6·6 places × 8 filters × 1 channel × 3·3",
    ),
    _case(
        "2-D convolution, depthwise with two filters a channel",
        lambda: nn.Conv2d(4, 8, 3, groups=4),
        drawn((1, 4, 5, 5)),
        (3 * 3) * 8 * 1 * (3 * 3),
        "3·3 places × 8 filters × 1 channel × 3·3",
    ),
    _case(
        "2-D convolution, grouped",
        lambda: nn.Conv2d(8, 12, 3, padding=1, groups=4),
        drawn((1, 8, 4, 5)),
        (4 * 5) * 12 * 2 * (3 * 3),
        "4·5 places × 12 filters × 2 channels (8 / 4) × 3·3",
    ),
    _case(
        "2-D convolution, dilated",
        lambda: nn.Conv2d(2, 3, 3, dilation=2),
        drawn((1, 2, 9, 8)),
        (5 * 4) * 3 * 2 * (3 * 3),
        "5·4 places (9 − 4, 8 − 4) × 3 filters × 2 channels × 3·3",
    ),
    _case(
        "2-D convolution, strided along one axis only",
        lambda: nn.Conv2d(3, 4, (1, 7), stride=(1, 2), padding=(0, 3)),
        drawn((1, 3, 4, 12)),
        (4 * 6) * 4 * 3 * 7,
        "4·6 places × 4 filters × 3 channels × 1·7",
    ),
    _case(
        "2-D convolution, same size, circular padding",
        lambda: nn.Conv2d(2, 2, 3, padding="same", padding_mode="circular"),
        drawn((1, 2, 5, 6)),
        (5 * 6) * 2 * 2 * (3 * 3),
        "5·6 places × 2 filters × 2 channels × 3·3",
    ),
    _case(
        "2-D convolution without a batch dimension",
        lambda: nn.Conv2d(3, 4, 2, stride=2),
        drawn((3, 6, 8)),
        (3 * 4) * 4 * 3 * (2 * 2),
        "3·4 places × 4 filters × 3 channels × 2·2",
    ),
    _case(
        "2-D convolution called as a function, its weight computed",
        lambda: WithWeight((4, 2, 3, 3), _standardised),
        drawn((1, 2, 5, 5)),
        (5 * 5) * 4 * 2 * (3 * 3),
        "5·5 places × 4 filters × 2 channels × 3·3; making the weight multiplies no matrices",
    ),
    _case(
        "3-D convolution",
        lambda: nn.Conv3d(3, 4, 3, padding=1),
        drawn((1, 3, 4, 5, 6)),
        (4 * 5 * 6) * 4 * 3 * (3 * 3 * 3),
        "4·5·6 places × 4 filters × 3 channels × 3·3·3",
    ),
    _case(
        "3-D convolution, 1 × 1 × 1",
        lambda: nn.Conv3d(6, 5, 1),
        drawn((2, 6, 2, 3, 3)),
        2 * (2 * 3 * 3) * 5 * 6,
        "2 × 2·3·3 places × 5 filters × 6 channels",
    ),
    _case(
        "3-D convolution, depthwise",
        lambda: nn.Conv3d(6, 6, 3, padding=1, groups=6, bias=False),
        drawn((1, 6, 3, 4, 4)),
        (3 * 4 * 4) * 6 * 1 * (3 * 3 * 3),
        "3·4·4 places × 6 filters × 1 channel × 3·3·3",
    ),
    _case(
        "3-D convolution, depthwise along time",
        lambda: nn.Conv3d(4, 4, (5, 1, 1), padding=(2, 0, 0), groups=4),
        drawn((1, 4, 6, 3, 3)),
        (6 * 3 * 3) * 4 * 1 * 5,
        "6·3·3 places × 4 filters × 1 channel × 5·1·1",
    ),
    _case(
        "3-D convolution, grouped and strided",
        lambda: nn.Conv3d(8, 4, 3, stride=(1, 2, 2), padding=1, groups=2),
        drawn((1, 8, 3, 6, 6)),
        (3 * 3 * 3) * 4 * 4 * (3 * 3 * 3),
        "3·3·3 places × 4 filters × 4 channels (8 / 2) × 3·3·3",
    ),
    _case(
        "3-D convolution, dilated, strided and padded",
        lambda: nn.Conv3d(2, 3, 3, stride=2, padding=2, dilation=(2, 1, 1)),
        drawn((1, 2, 6, 5, 5)),
        (3 * 4 * 4) * 3 * 2 * (3 * 3 * 3),
        "3·4·4 places (⌊(6 + 4 − 5) / 2⌋ + 1, twice ⌊(5 + 4 − 3) / 2⌋ + 1) × 3 × 2 × 3·3·3",
    ),
    _case(
        "3-D convolution split into space and time",
        lambda: nn.Sequential(
            nn.Conv3d(3, 5, (1, 3, 3), padding=(0, 1, 1)), nn.ReLU(), nn.Conv3d(5, 4, (3, 1, 1))
        ),
        drawn((1, 3, 4, 4, 4)),
        (4 * 4 * 4) * 5 * 3 * 9 + (2 * 4 * 4) * 4 * 5 * 3,
        "4·4·4 places × 5 × 3 × 1·3·3, then 2·4·4 places × 4 × 5 × 3·1·1",
    ),
    _case(
        "3-D convolution in channels-last order",
        lambda: nn.Conv3d(4, 3, 3, padding=1).to(memory_format=torch.channels_last_3d),
        lambda: (torch.randn(1, 4, 2, 4, 5).contiguous(memory_format=torch.channels_last_3d),),
        (2 * 4 * 5) * 3 * 4 * (3 * 3 * 3),
        "2·4·5 places × 3 filters × 4 channels × 3·3·3, whatever the order in memory",
    ),
    _case(
        "3-D convolution of a subclass",
        lambda: CausalConv3d(3, 4, (3, 1, 1)),
        drawn((1, 3, 5, 2, 2)),
        (5 * 2 * 2) * 4 * 3 * 3,
        "5·2·2 places (the past padded by 2) × 4 filters × 3 channels × 3·1·1",
    ),
    # A transposed convolution spreads each element of its input: places of the *input* × channels
    # × filters a group × kernel. What falls on padding is computed, or need not be: it counts.
    _case(
        "1-D transposed convolution",
        lambda: nn.ConvTranspose1d(4, 3, 4, stride=2, padding=1),
        drawn((1, 4, 5)),
        5 * 4 * 3 * 4,
        "5 input places × 4 channels × 3 filters × 4",
    ),
    _case(
        "2-D transposed convolution with output padding",
        lambda: nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1),
        drawn((1, 4, 3, 5)),
        (3 * 5) * 4 * 2 * (3 * 3),
        "3·5 input places × 4 channels × 2 filters × 3·3",
    ),
    _case(
        "2-D transposed convolution, grouped",
        lambda: nn.ConvTranspose2d(6, 4, 2, stride=2, groups=2),
        drawn((1, 6, 4, 4)),
        (4 * 4) * 6 * 2 * (2 * 2),
        "4·4 input places × 6 channels × 2 filters (4 / 2) × 2·2",
    ),
    _case(
        "3-D transposed convolution, four groups",
        lambda: nn.ConvTranspose3d(8, 8, 3, stride=2, groups=4),
        drawn((1, 8, 2, 3, 3)),
        (2 * 3 * 3) * 8 * 2 * (3 * 3 * 3),
        "2·3·3 input places × 8 channels × 2 filters (8 / 4) × 3·3·3",
    ),
)
