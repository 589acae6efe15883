"""ST-GCN: graph convolutions over the joints of a skeleton, plain ones over its frames.

Yan et al., "Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition", AAAI 2018.
What every later graph network here shares with it (the ten blocks' sizes, the norm of the coordinates, the
convolution along time, the classifier) is here as well, under the names of MMAction2's checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from epam.errors import InputError
from epam_baselines.mmaction_layout import linear
from epam_baselines.skeleton_graph import distance_partition, skeleton_layout
from epam_baselines.specification import ModelSpec

COORDINATES = 3
"""Of a joint: x, y and confidence in two dimensions, x, y and z in three."""

TEMPORAL_KERNEL = 9
"""Frames that a block looks at."""

FEATURES = 256
"""Channels of the last block, for the classifier."""


class BlockSize(NamedTuple):
    """Channels in, channels out, and stride along time of one block."""

    in_channels: int
    out_channels: int
    stride: int

    @property
    def is_first(self) -> bool:
        """The block that reads coordinates: it has no shortcut."""
        return self.in_channels == COORDINATES

    @property
    def keeps_shape(self) -> bool:
        """Whether the block's input can be added to its output as it is."""
        return self.in_channels == self.out_channels and self.stride == 1


BLOCKS = (
    BlockSize(COORDINATES, 64, 1),
    *(BlockSize(64, 64, 1),) * 3,
    BlockSize(64, 128, 2),
    *(BlockSize(128, 128, 1),) * 2,
    BlockSize(128, FEATURES, 2),
    *(BlockSize(FEATURES, FEATURES, 1),) * 2,
)
"""The same ten in ST-GCN++, 2s-AGCN and CTR-GCN."""


class TemporalUnit(nn.Module):
    """Convolution along time, joint by joint, padded to keep the length at stride 1; then batch norm."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        norm: bool = True,
    ) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.conv = nn.Conv2d(
            in_channels, out_channels, (kernel, 1), (stride, 1), (padding, 0), (dilation, 1)
        )
        kaiming(self.conv)
        self.bn = nn.BatchNorm2d(out_channels) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T/s, V)``."""
        return self.bn(self.conv(x))


class GraphConvolution(nn.Module):
    """Features mixed along the edges of a fixed graph, each edge with a learnt importance.

    ::

        x ─ conv 1×1, one set of features a part of the neighbourhood ─ · (A ⊙ PA) ─ norm ─ ReLU
    """

    A: Tensor

    def __init__(self, in_channels: int, out_channels: int, adjacency: Tensor) -> None:
        super().__init__()
        self.register_buffer("A", adjacency.clone())
        self.PA = nn.Parameter(torch.ones_like(adjacency))
        self.conv = nn.Conv2d(in_channels, len(adjacency) * out_channels, 1)
        self.bn = nn.BatchNorm2d(out_channels)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T, V)``."""
        return self.act(self.bn(mix_joints(self.conv(x), self.A * self.PA)))


def mix_joints(features: Tensor, adjacency: Tensor) -> Tensor:
    """``(N, K·C, T, V), (K, V, V) → (N, C, T, V)``: the sum of K sets, each taken along its own edges."""
    sets = features.unflatten(1, (len(adjacency), -1))
    return torch.einsum("nkctv,kvw->nctw", sets, adjacency)


class GraphBlock(nn.Module):
    """Across joints, then across time.

    ::

        x ─┬─ gcn ─ tcn ─ (+) ─ ReLU
           └─ [residual] ──┘
    """

    def __init__(self, gcn: nn.Module, tcn: nn.Module, size: BlockSize) -> None:
        super().__init__()
        self.gcn = gcn
        self.tcn = tcn
        self.residual = shortcut(size)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T/s, V)``."""
        out = self.tcn(self.gcn(x))
        return self.relu(out if self.residual is None else out + self.residual(x))


def shortcut(size: BlockSize) -> nn.Module | None:
    """What a block adds to its output: nothing, its input, or its input brought to the output's shape."""
    if size.is_first:
        return None
    if size.keeps_shape:
        return nn.Identity()
    return TemporalUnit(size.in_channels, size.out_channels, 1, stride=size.stride)


class GraphBackbone(nn.Module):
    """The norm of the coordinates, then ten blocks.

    Args:
        make_block: builds a block of a size.
        joints: joints of a skeleton.
        persons: whose coordinates have statistics of their own: with 1, all persons share them.
    """

    def __init__(
        self, make_block: Callable[[BlockSize], nn.Module], *, joints: int, persons: int = 1
    ) -> None:
        super().__init__()
        self.data_bn = nn.BatchNorm1d(persons * joints * COORDINATES)
        self.gcn = nn.ModuleList(make_block(size) for size in BLOCKS)

    def forward(self, skeleton: Tensor) -> Tensor:
        """``(N, M, T, V, 3) → (N, M, 256, T/4, V)``."""
        x = person_by_person(skeleton, self.data_bn)
        for block in self.gcn:
            x = block(x)
        return x.unflatten(0, skeleton.shape[:2])


def person_by_person(skeleton: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """``(N, M, T, V, 3) → (N·M, 3, T, V)``, each coordinate of each joint normalised on its own.

    Raises:
        InputError: skeletons of another number of joints, coordinates or persons than the norm is for.
    """
    if skeleton.dim() != 5:
        raise InputError(f"skeleton {tuple(skeleton.shape)}; give (batch, persons, frames, joints, 3)")
    samples, persons, frames, joints, coordinates = skeleton.shape
    width = norm.num_features
    if coordinates != COORDINATES or width not in (joints * coordinates, persons * joints * coordinates):
        raise InputError(
            f"skeletons of {persons} persons, {joints} joints and {coordinates} coordinates; the network "
            f"was built for {width} numbers of {COORDINATES} coordinates a frame; see its option layout"
        )
    x = norm(skeleton.permute(0, 1, 3, 4, 2).reshape(-1, width, frames))
    return x.reshape(samples * persons, joints, coordinates, frames).permute(0, 2, 3, 1)


class PersonMeanClassifier(nn.Module):
    """Mean over persons, frames and joints, then one linear layer (MMAction2's ``GCNHead``)."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.fc = linear(channels, num_classes, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, M, C, T, V) → (N, num_classes)``."""
        return self.fc(x.mean((1, 3, 4)))


class SkeletonNetwork(nn.Module):
    """A backbone over skeletons and the classifier behind it: MMAction2's ``RecognizerGCN``.

    Attributes:
        checkpoint_prefixes: PYSKL's name of the classifier, which is MMAction2's ``fc``.
    """

    checkpoint_prefixes: Mapping[str, str] = {"cls_head.fc_cls.": "cls_head.fc."}

    def __init__(self, backbone: nn.Module, *, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.cls_head = PersonMeanClassifier(FEATURES, num_classes)

    def forward(self, skeleton: Tensor) -> Tensor:
        """``(N, M, T, V, 3) → (N, num_classes)``."""
        return self.cls_head(self.backbone(skeleton))


def kaiming(conv: nn.Conv2d) -> None:
    """Kaiming weights (fan-out), zero bias."""
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def build_stgcn(*, num_classes: int, layout: str = "coco") -> SkeletonNetwork:
    """ST-GCN for the skeletons of a layout: ``coco`` or ``nturgb+d``."""
    skeleton = skeleton_layout(layout)
    adjacency = distance_partition(skeleton)

    def make_block(size: BlockSize) -> nn.Module:
        gcn = GraphConvolution(size.in_channels, size.out_channels, adjacency)
        tcn = TemporalUnit(size.out_channels, size.out_channels, TEMPORAL_KERNEL, stride=size.stride)
        return GraphBlock(gcn, tcn, size)

    return SkeletonNetwork(GraphBackbone(make_block, joints=skeleton.joints), num_classes=num_classes)


# Published: MMAction2, configs/skeleton/stgcn/README.md (NTU60 X-Sub, 2-D: 88.95 %, 10 clips, 3.8 G, 3.1 M
# parameters; 3-D, layout "nturgb+d": 88.11 %, 5.7 G, 3.1 M). Here 3.812 and 5.698 G, 3.089 and 3.099 M.
# Its counters (fvcore's, later mmengine's, run on this network) add two operations for each element of a
# batch norm: 3.822 and 5.713 G. The 38.2 G that its README first printed is that of the ten clips (pull
# request 2130 there). One stream of joints; the two-stream 92.12 % is that of two such networks.
SPEC = ModelSpec(
    name="stgcn",
    title="ST-GCN",
    paper="Yan et al., AAAI 2018",
    year=2018,
    modalities=("pose",),
    inputs={"skeleton": (2, 100, 17, 3)},
    clips=10,
    crops=1,
    num_classes=60,
    build=build_stgcn,
)
