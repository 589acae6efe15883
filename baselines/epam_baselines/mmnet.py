"""MMNet: cut-outs of head, hands and feet, weighted by what a graph network makes of the skeleton.

Yu et al., "MMNet: A Model-Based Multimodal Network for Human Action Recognition in RGB-D Videos",
TPAMI 2022, section 3, composed from its public code (github.com/bruceyo/MMNet: net/mmn.py, net/gcn.py,
feeder/feeder_rgb_fused_ntu.py, ensemble/ensemble_ntu60.py) and MS-G3D's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from epam_baselines.clip_shape import require_clip_shape
from epam_baselines.ms_g3d import MSG3D, NTU_CHAINED
from epam_baselines.skeleton_graph import NTU, bones, distance_partition
from epam_baselines.specification import ModelSpec

PARTS = (3, 11, 7, 18, 14)
"""Joints whose surroundings are cut out, from the top of the picture: head, hands, feet."""

TEMPORAL_POSITIONS = 15
"""Places in time whose mean activity is a part's weight: the most active (config/ntu60_*/)."""

RGB_FRAMES, PART_SIZE = 5, 45
"""Frames in the picture, side by side, and the pixels of each cut-out's side."""

GRAPH_WIDTHS = ((3, 64, 1), *((64, 64, 1),) * 3, (64, 128, 2), *((128, 128, 1),) * 2, (128, 256, 2))
"""Channels in, out, and temporal stride of the first eight blocks; two of 256 follow (ST-GCN, section 4)."""


class GraphMix(nn.Module):
    """ST-GCN's spatial convolution: a 1×1 convolution for each part of the neighbourhood, then the graph."""

    def __init__(self, in_channels: int, channels: int, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.conv = nn.Conv2d(in_channels, parts * channels, 1)

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        """``(N, C, T, V), (K, V, V) → (N, C', T, V)``."""
        return torch.einsum("nkctv,kvw->nctw", self.conv(x).unflatten(1, (self.parts, -1)), graph)


class GraphBlock(nn.Module):
    """The graph within each frame, then nine frames of each joint, with a shortcut.

    ::

        x ─┬─ gcn ─ norm ─ ReLU ─ 9×1, strided ─ norm ─ dropout ─ (+) ─ ReLU
           └──────────────── [1×1, strided, norm] ───────────────┘
    """

    def __init__(
        self, in_channels: int, channels: int, parts: int, *, stride: int, dropout: float, shortcut: bool
    ) -> None:
        super().__init__()
        self.gcn = GraphMix(in_channels, channels, parts)
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, (9, 1), (stride, 1), (4, 0)),
            nn.BatchNorm2d(channels),
            nn.Dropout(dropout),
        )
        self.residual: nn.Module | None = None
        if shortcut and (in_channels != channels or stride != 1):
            project = nn.Conv2d(in_channels, channels, 1, (stride, 1))
            self.residual = nn.Sequential(project, nn.BatchNorm2d(channels))
        elif shortcut:
            self.residual = nn.Identity()

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        """``(N, C, T, V), (K, V, V) → (N, C', T/stride, V)``."""
        out = self.tcn(self.gcn(x, graph))
        return torch.relu(out if self.residual is None else out + self.residual(x))


class SkeletonFeatures(nn.Module):
    """ST-GCN up to its last features, under the names of its authors' repository.

    ``fcn`` holds the weights of its own classification, which MMNet does not ask for.
    """

    A: Tensor

    def __init__(self, *, num_classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.register_buffer("A", distance_partition(NTU_CHAINED))
        parts, joints, _ = self.A.shape
        widths = (*GRAPH_WIDTHS, (256, 256, 1), (256, 256, 1))
        self.data_bn = nn.BatchNorm1d(3 * joints)
        self.st_gcn_networks = nn.ModuleList(
            GraphBlock(
                wide_in,
                wide_out,
                parts,
                stride=stride,
                dropout=dropout if index else 0.0,
                shortcut=index > 0,
            )
            for index, (wide_in, wide_out, stride) in enumerate(widths)
        )
        self.edge_importance = nn.ParameterList(nn.Parameter(torch.ones_like(self.A)) for _ in widths)
        self.fcn = nn.Conv2d(256, num_classes, 1)

    def forward(self, skeleton: Tensor) -> Tensor:
        """``(N, M, T, V, 3) → (N, M, 256, T/4, V)``."""
        persons, frames, joints, coordinates = skeleton.shape[1:]
        normed = self.data_bn(skeleton.flatten(0, 1).permute(0, 2, 3, 1).flatten(1, 2))
        x = normed.view(-1, joints, coordinates, frames).permute(0, 2, 3, 1)
        for block, importance in zip(self.st_gcn_networks, self.edge_importance, strict=True):
            x = block(x, self.A * importance)
        return x.unflatten(0, (-1, persons))


def part_weights(features: Tensor) -> Tensor:
    """``(N, M, C, T, V) → (N, 5)``: how active each part of the more active person is, from 0 to 255/127.

    Activity is the length of the feature vector, stretched to 0 … 255 over the sequence (the public
    code stretches over its batch: at batch size one the same) and cut to whole numbers, as there.
    """
    activity = features.square().sum(2).sqrt()
    lowest, highest = activity.amin((1, 2, 3), keepdim=True), activity.amax((1, 2, 3), keepdim=True)
    activity = 255 * (activity - lowest) / (highest - lowest).clamp_min(torch.finfo(activity.dtype).tiny)
    person = activity.mean((2, 3)).argmax(1)
    chosen = activity.gather(1, person[:, None, None, None].expand(-1, 1, *activity.shape[2:])).squeeze(1)
    most_active = chosen[:, :, list(PARTS)].topk(TEMPORAL_POSITIONS, dim=1).values
    return most_active.mean(1).trunc() / 127


class SkeletonGuidedPicture(nn.Module):
    """ResNet-18 on the picture of cut-outs, each row of it as bright as its part is active.

    Names are those of the public code's ``rgb_fused_model.pt``. No gradient passes into the skeleton's
    network, as there.

    ::

        skeleton ─ stgcn ─ part_weights ─┐
        picture ──────────────────────── × ─ resnet
    """

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        from torchvision.models import resnet18

        self.resnet = resnet18(weights=None, num_classes=num_classes)
        self.stgcn = SkeletonFeatures(num_classes=num_classes)

    def forward(self, rgb: Tensor, skeleton: Tensor) -> Tensor:
        """``(N, 3, 5, 225, 45), (N, M, T, 25, 3) → (N, num_classes)``."""
        with torch.no_grad():
            rows = part_weights(self.stgcn(skeleton)).repeat_interleave(PART_SIZE, 1)
        picture = rgb.transpose(2, 3).flatten(3)
        return self.resnet(picture * rows[:, None, :, None])


class MMNet(nn.Module):
    """MMNet as it is tested on NTU RGB+D: the scores of three networks, added.

    ::

        cut-outs ────────────────── rgb_fused ─┐
        skeleton ─┬────────────────┘           │
                  ├──────────────── joint ─────┼─ (+)
                  └── bones ─────── bone ──────┘
    """

    def __init__(self, *, num_classes: int, frames: int = 300, persons: int = 2) -> None:
        super().__init__()
        self.picture = (3, RGB_FRAMES, PART_SIZE * len(PARTS), PART_SIZE)
        self.sequence = (persons, frames, NTU.joints, 3)
        self.rgb_fused = SkeletonGuidedPicture(num_classes=num_classes)
        self.joint = MSG3D(num_classes=num_classes, frames=frames, persons=persons)
        self.bone = MSG3D(num_classes=num_classes, frames=frames, persons=persons)

    def forward(self, rgb: Tensor, skeleton: Tensor) -> Tensor:
        """``(N, 3, 5, 225, 45), (N, M, T, 25, 3) → (N, num_classes)``.

        ``rgb``: of each of five frames spread over the video, the five cut-outs of 45² below one another.

        Raises:
            InputError: a picture or skeleton of another size than the network was built for.
        """
        require_clip_shape(rgb, self.picture, model="mmnet")
        require_clip_shape(skeleton, self.sequence, model="mmnet")
        picture = self.rgb_fused(rgb, skeleton)
        return picture + self.joint(skeleton) + self.bone(bones(skeleton, NTU))


# Parts and protocol: config/ntu60_xsub/test_rgb_fused.yaml of the public code (ResNet-18 on 225 × 225,
# ST-GCN for the weights, scores of MS-G3D for joints and bones) and ensemble/ensemble_ntu60.py (their
# plain sum), one sequence and one picture a video.
#
# EPAM-Net's table 1 prints 89.2 G. Ours is 84.7 G: MS-G3D twice 32.77, ST-GCN 17.09, ResNet-18 2.05.
# Found, by inference: with an Inception-v3 on its own 299² in ResNet-18's place the parts add up to
# 88.35 G, 1 % below 89.2, and to 34.0 M parameters, 9.2 times our 3.68 M of EPAM-Net's first version,
# whose abstract claims 9 to 9.6; with ResNet-18 they are 20.7 M, 5.6 times. Neither the public code nor
# its configurations have that network.
SPEC = ModelSpec(
    name="mmnet",
    title="MMNet (MS-G3D)",
    paper="Yu et al., TPAMI 2022",
    year=2022,
    modalities=("rgb", "pose"),
    inputs={"rgb": (3, RGB_FRAMES, 225, 45), "skeleton": (2, 300, 25, 3)},
    clips=1,
    crops=1,
    num_classes=60,
    build=MMNet,
    head=("rgb_fused.resnet.fc", "joint.fc", "bone.fc"),
    notes=(
        "composed from public code: ResNet-18 on cut-outs weighted by ST-GCN, with the scores of MS-G3D "
        "for joints and for bones added",
        "the published 89.2 G fit an Inception-v3 at 299² in ResNet-18's place (88.4 G), which the public "
        "code does not have; that it was counted so is our inference",
        "finding the cut-outs (OpenPose) is not counted",
    ),
)
