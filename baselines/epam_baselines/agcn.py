"""2s-AGCN: graphs that adapt to the sample, for joints and for bones, fused.

Shi et al., "Two-Stream Adaptive Graph Convolutional Networks for Skeleton-Based Action Recognition", CVPR
2019. ``agcn`` is one stream of it, which is what MMAction2 publishes checkpoints and costs of.
"""

from __future__ import annotations

import math
from functools import reduce

import torch
from torch import Tensor, nn

from epam_baselines.skeleton_graph import SkeletonLayout, bones, direction_partition, skeleton_layout
from epam_baselines.specification import ModelSpec
from epam_baselines.stgcn import (
    TEMPORAL_KERNEL,
    BlockSize,
    GraphBackbone,
    GraphBlock,
    SkeletonNetwork,
    TemporalUnit,
    kaiming,
)

PERSONS = 2
"""Each has statistics of its own in the norm of the coordinates."""

EMBEDDING_RATIO = 4
"""Output channels over those in which two joints are compared (the authors' and MMAction2's code)."""

FRESH_NORM = 1e-6
"""Weight of the last norm of a fresh graph convolution: at first the block is all but its shortcut."""


class AdaptiveGraphConvolution(nn.Module):
    """Features mixed along a learnt graph plus one that compares this sample's joints.

    ::

        x ─┬─ conv_a ─┬─ · over channels and frames ─ tanh ─ × alpha ─ + A ─┐
           ├─ conv_b ─┘                                                     │
           └─────────────────────────────────────────────────────────────── · ─ conv_d ─ one part

        x ─┬─ sum of three parts ─ norm ─ (+) ─ ReLU
           └────── [down 1×1, norm] ───────┘
    """

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor) -> None:
        super().__init__()
        parts = len(adjacency)
        embedding = out_channels // EMBEDDING_RATIO
        self.A = nn.Parameter(adjacency.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.conv_a = nn.ModuleList(_pointwise(in_channels, embedding) for _ in range(parts))
        self.conv_b = nn.ModuleList(_pointwise(in_channels, embedding) for _ in range(parts))
        self.conv_d = nn.ModuleList(_one_of(parts, in_channels, out_channels) for _ in range(parts))
        self.bn = nn.BatchNorm2d(out_channels)
        nn.init.constant_(self.bn.weight, FRESH_NORM)
        self.down: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.down = nn.Sequential(_pointwise(in_channels, out_channels), nn.BatchNorm2d(out_channels))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T, V)``."""
        mixed = reduce(torch.add, [self._part(x, part) for part in range(len(self.A))])
        return self.relu(self.bn(mixed) + self.down(x))

    def _part(self, x: Tensor, part: int) -> Tensor:
        first = self.conv_a[part](x).flatten(1, 2)
        second = self.conv_b[part](x).flatten(1, 2)
        alike = torch.tanh(first.transpose(1, 2) @ second / first.shape[1])
        graph = self.A[part] + self.alpha * alike
        return self.conv_d[part]((x.flatten(1, 2) @ graph).unflatten(1, x.shape[1:3]))


class AdaptiveBackbone(GraphBackbone):
    """Ten blocks with adaptive graphs; the skeleton's own graph is kept beside them, as published."""

    A: Tensor

    def __init__(self, layout: SkeletonLayout) -> None:
        adjacency = direction_partition(layout)

        def make_block(size: BlockSize) -> nn.Module:
            gcn = AdaptiveGraphConvolution(size.in_channels, size.out_channels, adjacency)
            tcn = TemporalUnit(size.out_channels, size.out_channels, TEMPORAL_KERNEL, stride=size.stride)
            return GraphBlock(gcn, tcn, size)

        super().__init__(make_block, joints=layout.joints, persons=PERSONS)
        self.register_buffer("A", adjacency)


class TwoStreamAgcn(nn.Module):
    """One network for joints, one for bones, their class probabilities averaged.

    The paper adds the streams' softmax scores; half that sum's logarithm ranks alike and can be trained.

    ::

        skeleton ─┬───────── joint ─ softmax ─┬─ mean ─ log
                  └─ bones ─ bone ── softmax ─┘
    """

    def __init__(self, *, num_classes: int, layout: str = "coco") -> None:
        super().__init__()
        self.layout = skeleton_layout(layout)
        self.joint = build_agcn(num_classes=num_classes, layout=layout)
        self.bone = build_agcn(num_classes=num_classes, layout=layout)

    def forward(self, skeleton: Tensor) -> Tensor:
        """``(N, 2, T, V, 3) → (N, num_classes)``: logits whose softmax is the mean of the streams'."""
        streams = torch.stack((self.joint(skeleton), self.bone(bones(skeleton, self.layout))))
        return streams.log_softmax(-1).logsumexp(0) - math.log(len(streams))


def build_agcn(*, num_classes: int, layout: str = "coco") -> SkeletonNetwork:
    """One stream for the skeletons of a layout: ``coco`` or ``nturgb+d``; give it joints or bones."""
    return SkeletonNetwork(AdaptiveBackbone(skeleton_layout(layout)), num_classes=num_classes)


def _one_of(parts: int, in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 1×1 convolution, with weights that leave room for the others that are added to it."""
    conv = _pointwise(in_channels, out_channels)
    nn.init.normal_(conv.weight, std=math.sqrt(2 / (out_channels * in_channels * parts)))
    return conv


def _pointwise(in_channels: int, out_channels: int) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, out_channels, 1)
    kaiming(conv)
    return conv


# Published: MMAction2, configs/skeleton/2s-agcn/README.md (NTU60 X-Sub, one stream, 2-D: joint 88.60 %, bone
# 91.59 %, 10 clips, 4.4 G, 3.5 M parameters; 3-D, layout "nturgb+d": 88.26 %, 6.5 G, 3.5 M). Here 4.336 and
# 6.469 G, 3.459 and 3.470 M. Its counters (fvcore's, later mmengine's, run on this network) add two
# operations for each element of a batch norm: 4.349 and 6.488 G. The one reading of 4.4 that we found is
# 4.35, rounded once more. The 3,472,176 parameters of its older metafile (3-D) are those of an earlier
# block: a batch norm before each temporal convolution (2,816 more), one norm of coordinates for both
# persons (150 fewer) and no alpha (10 fewer).
# That block, like the authors', compares joints by softmax beside a fixed A; MMAction2's present one, which
# is built here, by tanh, scaled by alpha, beside a learnt A.
ONE_STREAM_SPEC = ModelSpec(
    name="agcn",
    title="AGCN (one stream of 2s-AGCN)",
    paper="Shi et al., CVPR 2019",
    year=2019,
    modalities=("pose",),
    inputs={"skeleton": (PERSONS, 100, 17, 3)},
    clips=10,
    crops=1,
    num_classes=60,
    build=build_agcn,
    notes=("One stream, of joints or of bones; 2s-AGCN is two of these (agcn_2s).",),
)

# Published: the two-stream accuracies of the same README (2-D: 91.95 %, 3-D: 90.27 %), joint and bone 1 : 1.
# It prints no cost of both; that is twice one stream's: 8.672 G and 6.919 M parameters in 2-D. A checkpoint
# holds one stream; it goes into ``joint`` or ``bone``.
SPEC = ModelSpec(
    name="agcn_2s",
    title="2s-AGCN",
    paper="Shi et al., CVPR 2019",
    year=2019,
    modalities=("pose",),
    inputs={"skeleton": (PERSONS, 100, 17, 3)},
    clips=10,
    crops=1,
    num_classes=60,
    build=TwoStreamAgcn,
    head=("joint.cls_head", "bone.cls_head"),
    notes=("Both streams, joints and bones; the published 4.4 G and 3.5 M are one stream's (agcn).",),
)
