"""MS-G3D: graph convolutions that see far along the skeleton, and across frames, in one step.

Liu et al., "Disentangling and Unifying Graph Convolutions for Skeleton-Based Action Recognition",
CVPR 2020, sections 3 and 4. MMNet takes the scores of two of them, one for joints, one for bones.
"""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam_baselines.clip_shape import require_clip_shape
from epam_baselines.skeleton_graph import NTU, SkeletonLayout
from epam_baselines.specification import ModelSpec

NTU_CHAINED = dataclasses.replace(NTU, parents=NTU.bone_origins)
"""The 25 joints as the authors' graph/ntu_rgb_d.py joins them: the tip of a hand hangs from its thumb."""

GRAPH_SCALES, WINDOW_SCALES = 13, 6
"""Rings of neighbours, from the joint itself to 12 and to 5 edges away (config/nturgbd-*/train_*.yaml)."""

WINDOWS = (3, 5)
"""Frames that the two pathways across frames see at once (section 4.3)."""

WIDTHS = (96, 192, 384)


def skeleton_adjacency(layout: SkeletonLayout) -> Tensor:
    """``(V, V)``: one where two joints share a bone."""
    adjacency = torch.zeros(layout.joints, layout.joints)
    for joint, parent in enumerate(layout.parents):
        if joint != parent:
            adjacency[joint, parent] = adjacency[parent, joint] = 1.0
    return adjacency


def disentangled_rings(adjacency: Tensor, scales: int) -> Tensor:
    """``(scales · V, V)``: for each distance, who is exactly that far, and the joint itself, normalised.

    ``D^-½ (A_k + I) D^-½`` (equations 3 and 4), one under the other, the identity first.
    """
    identity = torch.eye(len(adjacency))
    rings, within = [identity], identity
    for _ in range(scales - 1):
        wider = (within @ (adjacency + identity)).clamp(max=1.0)
        ring = wider - within + identity
        scale = ring.sum(1).rsqrt()
        rings.append(scale[:, None] * ring * scale)
        within = wider
    return torch.cat(rings)


def windowed_adjacency(adjacency: Tensor, window: int) -> Tensor:
    """``(window · V, window · V)``: joined to its neighbours and itself in every frame of the window."""
    return (adjacency + torch.eye(len(adjacency))).repeat(window, window)


class Projection(nn.Module):
    """1×1 convolution, batch norm, and ReLU where asked."""

    def __init__(self, in_channels: int, channels: int, *, activation: bool) -> None:
        super().__init__()
        last = nn.ReLU(inplace=True) if activation else nn.Identity()
        self.layers = nn.Sequential(nn.Conv2d(in_channels, channels, 1), nn.BatchNorm2d(channels), last)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T, V)``."""
        return self.layers(x)


class RingConvolution(nn.Module):
    """Takes each ring's neighbours by the graph plus a learned correction, then mixes rings and channels."""

    rings: Tensor

    def __init__(
        self, in_channels: int, channels: int, adjacency: Tensor, scales: int, *, activation: bool
    ) -> None:
        super().__init__()
        self.scales = scales
        # Made anew from the layout: the published checkpoints do not hold it.
        self.register_buffer("rings", disentangled_rings(adjacency, scales), persistent=False)
        self.A_res = nn.Parameter(torch.empty_like(self.rings))
        nn.init.uniform_(self.A_res, -1e-6, 1e-6)
        self.mlp = Projection(scales * in_channels, channels, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T, V)``."""
        taken = torch.einsum("vu,nctu->nctv", self.rings + self.A_res, x)
        by_ring = taken.unflatten(3, (self.scales, -1)).permute(0, 3, 1, 2, 4)
        return self.mlp(by_ring.flatten(1, 2))


class GraphConvolution(RingConvolution):
    """A ring convolution within each frame."""

    def __init__(self, in_channels: int, channels: int, adjacency: Tensor) -> None:
        super().__init__(in_channels, channels, adjacency, GRAPH_SCALES, activation=True)


class WindowGraphConvolution(RingConvolution):
    """A ring convolution over the joints of all frames of a window."""

    def __init__(self, in_channels: int, channels: int, adjacency: Tensor, window: int) -> None:
        super().__init__(
            in_channels, channels, windowed_adjacency(adjacency, window), WINDOW_SCALES, activation=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, window · V) → (N, C', T, window · V)``."""
        return F.relu(super().forward(x))


class SlidingWindows(nn.Module):
    """Puts the frames around each into one, side by side in the joints."""

    def __init__(self, window: int, stride: int) -> None:
        super().__init__()
        self.window, self.stride = window, stride

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C, T/stride, window · V)``, zeros before the first frame and after the last.

        By views: one copy at the end, where an unfold into columns would make two.
        """
        around = self.window // 2
        windows = F.pad(x, (0, 0, around, around)).unfold(2, self.window, self.stride)
        return windows.transpose(3, 4).flatten(3)


class WindowPathway(nn.Module):
    """One pathway across frames: windows, a graph convolution over each, and the window collapsed.

    ::

        x ─ windows ─ graph convolution over window · V joints ─ 1 × window × 1 ─ norm
    """

    def __init__(
        self, in_channels: int, channels: int, adjacency: Tensor, window: int, stride: int, *, widen: bool
    ) -> None:
        super().__init__()
        self.window = window
        inner = channels if widen else in_channels
        self.gcn3d = nn.Sequential(
            SlidingWindows(window, stride), WindowGraphConvolution(in_channels, inner, adjacency, window)
        )
        self.out_conv = nn.Conv3d(inner, channels, (1, window, 1))
        self.out_bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T/stride, V)``."""
        windows = self.gcn3d(x).unflatten(3, (self.window, -1))
        return self.out_bn(self.out_conv(windows).squeeze(3))


class WindowPathways(nn.Module):
    """The sum of a pathway for each size of window."""

    def __init__(
        self, in_channels: int, channels: int, adjacency: Tensor, stride: int, *, widen: bool
    ) -> None:
        super().__init__()
        self.gcn3d = nn.ModuleList(
            WindowPathway(in_channels, channels, adjacency, window, stride, widen=widen) for window in WINDOWS
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T/stride, V)``."""
        return torch.stack([pathway(x) for pathway in self.gcn3d]).sum(0)


class TemporalConvolution(nn.Module):
    """Convolution along time alone, then batch norm."""

    def __init__(self, in_channels: int, channels: int, kernel: int, stride: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            channels,
            (kernel, 1),
            stride=(stride, 1),
            padding=(dilation * (kernel // 2), 0),
            dilation=(dilation, 1),
        )
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T/stride, V)``."""
        return self.bn(self.conv(x))


class MultiScaleTemporalConvolution(nn.Module):
    """Six branches that see time at different reach, side by side in the channels, with a shortcut.

    ::

            ┌─ 1×1, norm, ReLU ─ 3×1 dilated 1 | 2 | 3 | 4 ─┐
        x ──┼─ 1×1, norm, ReLU ─ max 3×1, norm ─────────────┼─ concatenate ─ (+) ─ [ReLU]
            ├─ 1×1, norm ───────────────────────────────────┘                 │
            └─────────────────────────── [1×1, norm] ─────────────────────────┘
    """

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1, activation: bool = True) -> None:
        super().__init__()
        width = channels // 6
        self.branches = nn.ModuleList(
            nn.Sequential(
                *_narrow(in_channels, width), TemporalConvolution(width, width, 3, stride, dilation)
            )
            for dilation in (1, 2, 3, 4)
        )
        pool = nn.MaxPool2d((3, 1), stride=(stride, 1), padding=(1, 0))
        self.branches.append(nn.Sequential(*_narrow(in_channels, width), pool, nn.BatchNorm2d(width)))
        straight = nn.Conv2d(in_channels, width, 1, stride=(stride, 1))
        self.branches.append(nn.Sequential(straight, nn.BatchNorm2d(width)))
        self.residual: nn.Module = nn.Identity()
        if in_channels != channels or stride != 1:
            self.residual = TemporalConvolution(in_channels, channels, 1, stride)
        self.act = nn.ReLU(inplace=True) if activation else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C', T/stride, V)``."""
        return self.act(torch.cat([branch(x) for branch in self.branches], dim=1) + self.residual(x))


def _narrow(in_channels: int, width: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    return nn.Conv2d(in_channels, width, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)


def _frame_pathway(in_channels: int, inner: int, channels: int, adjacency: Tensor, stride: int) -> nn.Module:
    return nn.Sequential(
        GraphConvolution(in_channels, inner, adjacency),
        MultiScaleTemporalConvolution(inner, channels, stride=stride),
        MultiScaleTemporalConvolution(channels, channels, activation=False),
    )


class MSG3D(nn.Module):
    """MS-G3D for NTU RGB+D's skeletons under the names of the published checkpoints.

    ::

                 ┌─ sgcn: graph within a frame, then time ×2 ─┐
        x ─ norm ┤                                            ├─ (+), ReLU ─ tcn ─ … three times ─ mean ─ fc
                 └─ gcn3d: graph over windows of 3 and of 5 ──┘
    """

    def __init__(self, *, num_classes: int, frames: int = 300, persons: int = 2) -> None:
        super().__init__()
        joints, coordinates = NTU_CHAINED.joints, 3
        self.sequence = (persons, frames, joints, coordinates)
        adjacency = skeleton_adjacency(NTU_CHAINED)
        first, second, third = WIDTHS
        self.data_bn = nn.BatchNorm1d(persons * coordinates * joints)
        self.gcn3d1 = WindowPathways(coordinates, first, adjacency, 1, widen=True)
        self.sgcn1 = _frame_pathway(coordinates, first, first, adjacency, 1)
        self.tcn1 = MultiScaleTemporalConvolution(first, first)
        self.gcn3d2 = WindowPathways(first, second, adjacency, 2, widen=False)
        self.sgcn2 = _frame_pathway(first, first, second, adjacency, 2)
        self.tcn2 = MultiScaleTemporalConvolution(second, second)
        self.gcn3d3 = WindowPathways(second, third, adjacency, 2, widen=False)
        self.sgcn3 = _frame_pathway(second, second, third, adjacency, 2)
        self.tcn3 = MultiScaleTemporalConvolution(third, third)
        self.fc = nn.Linear(third, num_classes)

    def forward(self, skeleton: Tensor) -> Tensor:
        """``(N, M, T, V, 3) → (N, num_classes)``: the mean over persons, frames and joints, classified.

        Raises:
            InputError: a skeleton sequence of another size than the network was built for.
        """
        require_clip_shape(skeleton, self.sequence, model="ms_g3d")
        persons, frames, joints, coordinates = self.sequence
        normed = self.data_bn(skeleton.permute(0, 1, 3, 4, 2).flatten(1, 3))
        x = normed.view(-1, joints, coordinates, frames).permute(0, 2, 3, 1)
        x = self.tcn1(F.relu(self.sgcn1(x) + self.gcn3d1(x)))
        x = self.tcn2(F.relu(self.sgcn2(x) + self.gcn3d2(x)))
        x = self.tcn3(F.relu(self.sgcn3(x) + self.gcn3d3(x)))
        return self.fc(x.mean((2, 3)).unflatten(0, (-1, persons)).mean(1))


# Published: 3.2 M parameters (the paper, one stream) and, by one of its authors in MS-G3D's issue 16, about
# 24 G multiply-adds for 300 frames of two persons. That is by thop and ptflops, which do not see products
# with the graphs: ours are 24.25 G in the convolutions and 8.52 G with the graphs, 32.77 G in all. Views:
# one sequence of up to 300 frames a video. The published accuracy adds the scores of a second such network
# for bones.
SPEC = ModelSpec(
    name="ms_g3d",
    title="MS-G3D (one stream)",
    paper="Liu et al., CVPR 2020",
    year=2020,
    modalities=("pose",),
    inputs={"skeleton": (2, 300, 25, 3)},
    clips=1,
    crops=1,
    num_classes=60,
    build=MSG3D,
    frame_interval=1,
    head=("fc",),
    notes=(
        "the published 24 G leave out products with the graphs (8.5 G), which the counters used do not see",
        "one stream; the published accuracy adds the scores of a second such network for bones",
    ),
)
