"""ST-GCN++: ST-GCN with a graph that is learnt as a whole, and six branches along time.

Duan et al., "PYSKL: Towards Good Practices for Skeleton Action Recognition", ACM Multimedia 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from epam_baselines.skeleton_graph import direction_partition, skeleton_layout
from epam_baselines.specification import ModelSpec
from epam_baselines.stgcn import (
    BlockSize,
    GraphBackbone,
    GraphBlock,
    SkeletonNetwork,
    TemporalUnit,
    mix_joints,
)

DILATIONS = (1, 2, 3, 4)
"""Of the branches that convolve along time."""

BRANCH_KERNEL = 3

BRANCHES = len(DILATIONS) + 2
"""Those, one that takes the maximum, and one that sees a single frame."""


class LearntGraphConvolution(nn.Module):
    """Features mixed along edges whose weights start at the skeleton's and are learnt.

    ::

        x ─┬─ conv 1×1, one set of features a part of the neighbourhood ─ · A ─ norm ─ (+) ─ ReLU
           └──────────────────────── [down 1×1, norm] ──────────────────────────────────┘
    """

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor) -> None:
        super().__init__()
        self.A = nn.Parameter(adjacency.clone())
        self.conv = nn.Conv2d(in_channels, len(adjacency) * out_channels, 1)
        self.bn = nn.BatchNorm2d(out_channels)
        self.down: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.down = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels))
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T, V)``."""
        return self.act(self.bn(mix_joints(self.conv(x), self.A)) + self.down(x))


class MultiScaleTemporalUnit(nn.Module):
    """Six branches that see time at different scales, joined and mixed.

    ::

        x ─┬─ 1×1 ─ norm ─ ReLU ─ 3 frames, dilation 1 … 4 ─ (4 branches) ─┐
           ├─ 1×1 ─ norm ─ ReLU ─ maximum of 3 frames ─────────────────────┼─ norm ─ ReLU ─ 1×1 ─ norm
           └─ 1×1 ─────────────────────────────────────────────────────────┘

    A branch has a sixth of the channels; the first has what is left over as well.
    """

    def __init__(self, channels: int, *, stride: int) -> None:
        super().__init__()
        width = channels // BRANCHES
        first_width = channels - (BRANCHES - 1) * width
        widths = (first_width, *(width,) * (len(DILATIONS) - 1))
        self.branches = nn.ModuleList(
            nn.Sequential(
                *_narrow(channels, branch_width),
                TemporalUnit(
                    branch_width, branch_width, BRANCH_KERNEL, stride=stride, dilation=dilation, norm=False
                ),
            )
            for branch_width, dilation in zip(widths, DILATIONS, strict=True)
        )
        maximum = nn.MaxPool2d((BRANCH_KERNEL, 1), (stride, 1), (1, 0))
        self.branches.append(nn.Sequential(*_narrow(channels, width), maximum))
        self.branches.append(nn.Conv2d(channels, width, 1, (stride, 1)))
        self.transform = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 1)
        )
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C, T/s, V)``."""
        joined = torch.cat([branch(x) for branch in self.branches], dim=1)
        return self.bn(self.transform(joined))


def _narrow(channels: int, width: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(channels, width, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)


def build_stgcn_pp(*, num_classes: int, layout: str = "coco") -> SkeletonNetwork:
    """ST-GCN++ for the skeletons of a layout: ``coco`` or ``nturgb+d``."""
    skeleton = skeleton_layout(layout)
    adjacency = direction_partition(skeleton)

    def make_block(size: BlockSize) -> nn.Module:
        gcn = LearntGraphConvolution(size.in_channels, size.out_channels, adjacency)
        return GraphBlock(gcn, MultiScaleTemporalUnit(size.out_channels, stride=size.stride), size)

    return SkeletonNetwork(GraphBackbone(make_block, joints=skeleton.joints), num_classes=num_classes)


# Published: MMAction2, configs/skeleton/stgcnpp/README.md (NTU60 X-Sub, 2-D: 89.29 %, 10 clips, 1.95 G,
# 1.39 M parameters; 3-D, layout "nturgb+d": 89.14 %, 2.96 G, 1.4 M). Here 1.926 and 2.925 G, 1.393 and
# 1.403 M: its counters (fvcore's, later mmengine's, run on this network) add two operations for each of
# the 10.7 M (15.7 M) elements that batch norms give: 1.948 and 2.956 G, the published numbers. One stream
# of joints.
SPEC = ModelSpec(
    name="stgcn_pp",
    title="ST-GCN++",
    paper="Duan et al., ACM MM 2022",
    year=2022,
    modalities=("pose",),
    inputs={"skeleton": (2, 100, 17, 3)},
    clips=10,
    crops=1,
    num_classes=60,
    build=build_stgcn_pp,
)
