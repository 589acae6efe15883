"""CTR-GCN: a graph for every channel, refined from one that all channels share.

Chen et al., "Channel-wise Topology Refinement Graph Convolution for Skeleton-Based Action Recognition",
ICCV 2021.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

from epam_baselines.skeleton_graph import SkeletonLayout, direction_partition, skeleton_layout
from epam_baselines.specification import ModelSpec
from epam_baselines.stgcn import (
    BLOCKS,
    COORDINATES,
    BlockSize,
    SkeletonNetwork,
    TemporalUnit,
    kaiming,
    person_by_person,
    shortcut,
)

PERSONS = 2
"""Each has statistics of its own in the norm of the coordinates."""

RELATION_RATIO = 8
"""Input channels over those in which two joints are compared; of coordinates, 8 are made."""

DILATIONS = (1, 2)
BRANCH_KERNEL = 5
BRANCHES = len(DILATIONS) + 2

FRESH_NORM = 1e-6
"""Weight of the last norm of a fresh graph convolution: at first the block is all but its shortcut."""


class ChannelwiseGraphConvolution(nn.Module):
    """One part of the neighbourhood, with a graph of its own for each channel.

    ::

        x ─┬─ conv1 ─ mean over time ─ (u) ─┐
           ├─ conv2 ─ mean over time ─ (v) ─┴─ u − v ─ tanh ─ conv4 ─ × alpha ─ + A ─┐
           └─ conv3 ──────────────────────────────────────────────────────────────── · ─
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        relations = RELATION_RATIO if in_channels == COORDINATES else in_channels // RELATION_RATIO
        self.conv1 = _pointwise(in_channels, relations)
        self.conv2 = _pointwise(in_channels, relations)
        self.conv3 = _pointwise(in_channels, out_channels)
        self.conv4 = _pointwise(relations, out_channels)

    def forward(self, x: Tensor, adjacency: Tensor, alpha: Tensor) -> Tensor:
        """``(N, C, T, V), (V, V), (1,) → (N, C', T, V)``."""
        sources, targets = self.conv1(x).mean(2), self.conv2(x).mean(2)
        relation = torch.tanh(sources.unsqueeze(3) - targets.unsqueeze(2))
        graphs = adjacency + alpha * self.conv4(relation)
        return self.conv3(x) @ graphs


class RefinedGraphConvolution(nn.Module):
    """The sum over the parts of the neighbourhood.

    ::

        x ─┬─ convs[k] with A[k] ─ Σ ─ norm ─ (+) ─ ReLU
           └────── [down 1×1, norm] ───────────┘
    """

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor) -> None:
        super().__init__()
        self.A = nn.Parameter(adjacency.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.convs = nn.ModuleList(ChannelwiseGraphConvolution(in_channels, out_channels) for _ in adjacency)
        self.bn = nn.BatchNorm2d(out_channels)
        nn.init.constant_(self.bn.weight, FRESH_NORM)
        self.down: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.down = nn.Sequential(_pointwise(in_channels, out_channels), nn.BatchNorm2d(out_channels))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T, V)``."""
        parts = [conv(x, graph, self.alpha) for conv, graph in zip(self.convs, self.A, strict=True)]
        return self.relu(self.bn(reduce(torch.add, parts)) + self.down(x))


class FourBranchTemporalUnit(nn.Module):
    """Four branches that see time at different scales, joined.

    ::

        x ─┬─ 1×1 ─ norm ─ ReLU ─ 5 frames, dilation 1 or 2 ─ norm ─ (2 branches) ─┐
           ├─ 1×1 ─ norm ─ ReLU ─ maximum of 3 frames ─ norm ──────────────────────┼─ ReLU
           └─ 1×1 ─ norm ──────────────────────────────────────────────────────────┘
    """

    def __init__(self, channels: int, *, stride: int) -> None:
        super().__init__()
        width = channels // BRANCHES
        self.branches = nn.ModuleList(
            nn.Sequential(
                *_narrow(channels, width),
                TemporalUnit(width, width, BRANCH_KERNEL, stride=stride, dilation=dilation),
            )
            for dilation in DILATIONS
        )
        maximum = nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        self.branches.append(nn.Sequential(*_narrow(channels, width), maximum, nn.BatchNorm2d(width)))
        self.branches.append(nn.Sequential(_pointwise(channels, width, stride=stride), nn.BatchNorm2d(width)))
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C, T/s, V)``."""
        return self.act(torch.cat([branch(x) for branch in self.branches], dim=1))


class RefinedBlock(nn.Module):
    """Across joints, then across time.

    ::

        x ─┬─ gcn1 ─ tcn1 ─ (+) ─ ReLU
           └─ [residual] ────┘
    """

    def __init__(self, size: BlockSize, adjacency: Tensor) -> None:
        super().__init__()
        self.gcn1 = RefinedGraphConvolution(size.in_channels, size.out_channels, adjacency)
        self.tcn1 = FourBranchTemporalUnit(size.out_channels, stride=size.stride)
        self.residual = shortcut(size)
        self.relu = nn.ReLU()  # not in place: without a shortcut its input is another ReLU's output

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T/s, V)``."""
        out = self.tcn1(self.gcn1(x))
        return self.relu(out if self.residual is None else out + self.residual(x))


class RefinedBackbone(nn.Module):
    """The norm of the coordinates, then ten blocks; the skeleton's own graph is kept beside them."""

    A: Tensor

    def __init__(self, layout: SkeletonLayout) -> None:
        super().__init__()
        adjacency = direction_partition(layout)
        self.register_buffer("A", adjacency)
        self.data_bn = nn.BatchNorm1d(PERSONS * layout.joints * COORDINATES)
        self.net = nn.ModuleList(RefinedBlock(size, adjacency) for size in BLOCKS)

    def forward(self, skeleton: Tensor) -> Tensor:
        """``(N, 2, T, V, 3) → (N, 2, 256, T/4, V)``."""
        x = person_by_person(skeleton, self.data_bn)
        for block in self.net:
            x = block(x)
        return x.unflatten(0, skeleton.shape[:2])


def build_ctrgcn(*, num_classes: int, layout: str = "coco") -> SkeletonNetwork:
    """CTR-GCN for the skeletons of a layout: ``coco`` or ``nturgb+d``; give it joints or bones."""
    return SkeletonNetwork(RefinedBackbone(skeleton_layout(layout)), num_classes=num_classes)


def _pointwise(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, out_channels, 1, (stride, 1))
    kaiming(conv)
    return conv


def _narrow(channels: int, width: int) -> tuple[nn.Module, ...]:
    return _pointwise(channels, width), nn.BatchNorm2d(width), nn.ReLU(inplace=True)


# Views: MMAction2, projects/ctrgcn/README.md (NTU60 X-Sub, one stream of joints, 2-D: 89.6 %, 10 clips; it
# prints no cost; 3-D, layout "nturgb+d": 89.0 %). Here 1.935 G and 1.436 M parameters in 2-D. Published
# costs are of four streams in 3-D (PSUMNet's comparison: 7.6 G, 5.6 M): four times one stream's 1.9 G and
# 1.4 M, rounded before they were multiplied. At the authors' 64 frames (window_size in their
# config/nturgbd-cross-subject/default.yaml) one stream has 1.939 G and 1.447 M here, four 7.757 G and 5.79 M.
SPEC = ModelSpec(
    name="ctrgcn",
    title="CTR-GCN",
    paper="Chen et al., ICCV 2021",
    year=2021,
    modalities=("pose",),
    inputs={"skeleton": (PERSONS, 100, 17, 3)},
    clips=10,
    crops=1,
    num_classes=60,
    build=build_ctrgcn,
    notes=("One stream of joints; the accuracies of its paper are those of four streams.",),
)
