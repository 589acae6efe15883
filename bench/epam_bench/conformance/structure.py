"""How networks are put together: shared, named, nested, branching, checkpointed, or without a product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from epam.x_shiftnet import ShiftBottleneck
from epam_bench.conformance.case import Arguments, Case, Computes, drawn

GROUP = "structure"


class CalledTwice(nn.Module):
    """One layer, called twice on its own result."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 4) → (N, 4)``."""
        return self.layer(self.layer(x))


class TwoNames(nn.Module):
    """One layer under two names, each called once."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv1d(3, 3, 1)
        self.right = self.left

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T) → (N, 3, T)``."""
        return self.left(x) + self.right(x.relu())


class TiedWeights(nn.Module):
    """Two layers that hold the same weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.logits = nn.Linear(4, 7, bias=False)
        self.logits.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, T) → (N, T, 7)``."""
        return self.logits(self.embed(tokens))


class NeverCalled(nn.Module):
    """A layer for training only beside one that is called."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 3)
        self.auxiliary = nn.Linear(4, 100)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 4) → (N, 3)``."""
        return self.body(x) + self.auxiliary(x).mean() if self.training else self.body(x)


class TwoStreams(nn.Module):
    """A convolution on frames, a linear layer on poses, their logits summed."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = nn.Conv3d(3, 5, (1, 3, 3), bias=False)
        self.joints = nn.Linear(6, 5)

    def forward(self, rgb: Tensor, *, pose: Tensor) -> Tensor:
        """``(N, 3, T, H, W)`` and ``(N, 6) → (N, 5)``."""
        return self.frames(rgb).mean(dim=(2, 3, 4)) + self.joints(pose)


class TakesDict(nn.Module):
    """The two streams from one dictionary; its result is another."""

    def __init__(self) -> None:
        super().__init__()
        self.streams = TwoStreams()

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``{"rgb": …, "pose": …} → {"logits": (N, 5)}``."""
        return {"logits": self.streams(batch["rgb"], pose=batch["pose"])}


class TakesList(nn.Module):
    """One layer over a list of clips."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, clips: list[Tensor]) -> list[Tensor]:
        """``[(N, 4), …] → [(N, 2), …]``."""
        return [self.layer(clip) for clip in clips]


class BranchesOnShape(nn.Module):
    """Long clips are halved before the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.short, self.long = nn.Conv1d(2, 4, 3, padding=1), nn.Conv1d(2, 4, 3, padding=1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 2, T) → (N, 4, T or T / 2)``."""
        return self.long(x) if x.shape[-1] > 8 else self.short(x)


class BranchesOnValue(nn.Module):
    """What it computes depends on what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.bright, self.dark = nn.Linear(4, 6), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 4) → (N, 6)`` for a positive mean, ``(N, 2)`` otherwise."""
        return self.bright(x) if x.mean() > 0 else self.dark(x)


class LoopsByValue(nn.Module):
    """As many passes as the input says."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor, passes: Tensor) -> Tensor:
        """``(N, 4)`` and a whole number ``→ (N, 4)``."""
        for _ in range(int(passes.item())):
            x = self.layer(x)
        return x


class Functional(nn.Module):
    """Weights of its own, all layers called as functions."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(4, 3, 3, 3))
        self.matrix = nn.Parameter(torch.randn(5, 4))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, H, W) → (N, 5)``."""
        pooled = F.adaptive_avg_pool2d(F.relu(F.conv2d(x, self.kernel, padding=1)), 1)
        return F.linear(pooled.flatten(1), self.matrix)


class Stateless(nn.Module):
    """A layer called with other weights than its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 4) → (N, 3)``."""
        halved = {name: 0.5 * value for name, value in self.layer.named_parameters()}
        result: Tensor = functional_call(self.layer, halved, (x,))
        return result


class Mapped(nn.Module):
    """One layer mapped over an axis that it does not see."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """``(T, N, 4) → (T, N, 3)``."""
        result: Tensor = torch.vmap(self.layer)(x)
        return result


class LowersPrecision(nn.Module):
    """A layer whose weight and input are cast to half precision at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 4) → (N, 3)``."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            result: Tensor = self.layer(x)
        return result


class Checkpointed(nn.Module):
    """A part whose activations are thrown away in training and computed again for the gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 4) → (N, 4)``."""
        result: Tensor = checkpoint(self.part, x, use_reentrant=False)
        return result


class Upsampled(nn.Module):
    """A map resized to where its convolution wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 2, H, W) → (N, 3, 2H, 2W)``."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False))


class PaperBlock(nn.Module):
    """EPAM-Net's block of two frames: shift, expand, depthwise, squeeze, project, shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.block = ShiftBottleneck(8, 16, stride=2, fold_div=8, squeeze=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N·2, 8, H, W) → (N·2, 16, H / 2, W / 2)``."""
        return self.block(x, 2)


def _weight_normed() -> nn.Module:
    return nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 6)))


def _case(
    name: str,
    build: Callable[[], nn.Module],
    args: Callable[[], Arguments],
    truth: int,
    working: str,
    kwargs: Callable[[], Mapping[str, Any]] = dict,
) -> Case:
    return Case(name=name, group=GROUP, build=build, args=args, truth=truth, working=working, kwargs=kwargs)


STREAMS = (2 * 2 * 3) * 5 * 3 * 9 + 5 * 6
"""Frames: 2·2·3 places × 5 filters × 3 channels × 1·3·3. Joints: 5 × 6."""

CASES = (
    _case("a layer called twice", CalledTwice, drawn((3, 4)), 2 * (3 * 4 * 4), "two calls × 3 rows × 4 × 4"),
    _case(
        "a layer under two names",
        TwoNames,
        drawn((1, 3, 5)),
        2 * (5 * 3 * 3),
        "two calls × 5 places × 3 filters × 3 channels",
    ),
    _case(
        "an embedding and a linear layer with its weight",
        TiedWeights,
        lambda: (torch.tensor([[0, 3, 6]]),),
        3 * 7 * 4,
        "looking up multiplies nothing; 3 tokens × 7 outputs × 4",
    ),
    _case(
        "a layer that is never called", NeverCalled, drawn((2, 4)), 2 * 3 * 4, "2 rows × 3 × 4, in eval mode"
    ),
    _case(
        "keyword inputs",
        TwoStreams,
        tuple,
        STREAMS,
        "2·2·3 places × 5 × 3 × 1·3·3 + 5 × 6",
        kwargs=lambda: {"pose": torch.randn(1, 6), "rgb": torch.randn(1, 3, 2, 4, 5)},
    ),
    _case(
        "one input in its place, one by keyword",
        TwoStreams,
        drawn((1, 3, 2, 4, 5)),
        STREAMS,
        "2·2·3 places × 5 × 3 × 1·3·3 + 5 × 6",
        kwargs=lambda: {"pose": torch.randn(1, 6)},
    ),
    _case(
        "a dictionary of inputs",
        TakesDict,
        lambda: ({"rgb": torch.randn(1, 3, 2, 4, 5), "pose": torch.randn(1, 6)},),
        STREAMS,
        "2·2·3 places × 5 × 3 × 1·3·3 + 5 × 6",
    ),
    _case(
        "a list of inputs",
        TakesList,
        lambda: ([torch.randn(1, 4), torch.randn(3, 4)],),
        (1 + 3) * 2 * 4,
        "1 + 3 rows × 2 × 4",
    ),
    _case(
        "a branch on the input's shape",
        BranchesOnShape,
        drawn((1, 2, 10)),
        5 * 4 * 2 * 3,
        "the long branch: 5 places × 4 filters × 2 channels × 3",
    ),
    _case(
        "a branch on the input's value",
        BranchesOnValue,
        lambda: (torch.ones(2, 4),),
        2 * 6 * 4,
        "a positive mean: 2 rows × 6 × 4",
    ),
    _case(
        "as many passes as the input says",
        LoopsByValue,
        lambda: (torch.ones(1, 4), torch.tensor(3)),
        3 * (4 * 4),
        "3 passes × 4 × 4",
    ),
    _case(
        "layers called as functions",
        Functional,
        drawn((1, 3, 5, 5)),
        (5 * 5) * 4 * 3 * 9 + 5 * 4,
        "5·5 places × 4 × 3 × 3·3 + 5 × 4",
    ),
    _case("a layer called with other weights", Stateless, drawn((2, 4)), 2 * 3 * 4, "2 rows × 3 × 4"),
    _case(
        "a linear layer with weight norm",
        _weight_normed,
        drawn((2, 4)),
        2 * 6 * 4,
        "2 rows × 6 × 4; norming the weight goes element by element",
    ),
    _case(
        "a layer mapped over frames",
        Mapped,
        drawn((5, 2, 4)),
        (5 * 2) * 3 * 4,
        "5·2 rows × 3 × 4",
    ),
    _case(
        "a layer under automatic mixed precision",
        LowersPrecision,
        drawn((2, 4)),
        2 * 3 * 4,
        "2 rows × 3 × 4",
    ),
    _case(
        "a checkpointed part",
        Checkpointed,
        drawn((3, 4)),
        3 * (4 * 8 + 8 * 4),
        "3 rows × (4 × 8 + 8 × 4), once: nothing is computed again without gradients",
    ),
    _case(
        "interpolation before a convolution",
        Upsampled,
        drawn((1, 2, 3, 4)),
        (6 * 8) * 3 * 2 * (3 * 3),
        "6·8 places × 3 filters × 2 channels × 3·3",
    ),
    _case(
        "convolution and pixel shuffle",
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.PixelShuffle(2)),
        drawn((1, 3, 4, 4)),
        (4 * 4) * 8 * 3 * (3 * 3),
        "4·4 places × 8 filters × 3 channels × 3·3; shuffling moves only",
    ),
    _case(
        "pooling alone",
        lambda: nn.Sequential(nn.MaxPool3d(2), nn.AdaptiveAvgPool3d(1)),
        drawn((1, 3, 4, 6, 6)),
        0,
        "nothing is multiplied by a weight",
    ),
    _case(
        "norms alone",
        lambda: nn.Sequential(nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.LayerNorm(5)),
        drawn((2, 4, 3, 5)),
        0,
        "norms go element by element",
    ),
    _case(
        "activations and a softmax alone",
        lambda: nn.Sequential(nn.SiLU(), nn.GELU(), nn.Softmax(dim=-1)),
        drawn((2, 6)),
        0,
        "activations go element by element",
    ),
    _case(
        "a shift along time and a product element by element",
        lambda: Computes(lambda x: torch.roll(x, 1, dims=1) * x.sigmoid()),
        drawn((2, 4, 3)),
        0,
        "a shift moves, a product element by element sums nothing",
    ),
    _case(
        "convolution, norm and activation",
        lambda: nn.Sequential(nn.Conv3d(3, 6, 1, bias=False), nn.BatchNorm3d(6), nn.SiLU()),
        drawn((1, 3, 2, 4, 4)),
        (2 * 4 * 4) * 6 * 3,
        "2·4·4 places × 6 filters × 3 channels; the norm counts nothing",
    ),
    # Inner width int(2.25 × 16) = 36; squeezed to 8, the least there is.
    _case(
        "the paper's block",
        PaperBlock,
        drawn((2, 8, 6, 6)),
        2 * (3 * 3) * 16 * 8  # shortcut
        + 2 * (6 * 6) * 36 * 8  # expand
        + 2 * (3 * 3) * 36 * 9  # depthwise, stride 2
        + 2 * (36 * 8)  # squeeze and excite: once a clip, not once a frame
        + 2 * (3 * 3) * 16 * 36,  # project
        "2 frames × (shortcut 3·3 × 16 × 8 + expand 6·6 × 36 × 8 + depthwise 3·3 × 36 × 3·3 "
        "+ project 3·3 × 16 × 36) + squeeze 36 × 8 + excite 8 × 36",
    ),
)
