"""VPN: Inception-I3D whose last features are weighted in space and time by what a pose network says.

Das et al., "VPN: Learning Video-Pose Embedding for Activities of Daily Living", ECCV 2020, section 3,
composed from its public code (github.com/srijandas07/VPN: embedding_gcnn_attention_model.py,
compute_adjacency.py, utils.py) with the graph convolution of keras_dgl.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam_baselines.clip_shape import require_clip_shape
from epam_baselines.inception_i3d import Logits, inception_i3d_trunk
from epam_baselines.specification import ModelSpec

JOINTS = 25
"""Of Kinect v2, which NTU RGB+D's skeletons come from."""

BONES = (
    *((1, 2), (1, 17), (1, 13), (2, 21), (17, 18), (13, 14), (18, 19), (19, 20), (14, 15), (15, 16)),
    *((21, 5), (21, 9), (21, 3), (3, 4), (9, 10), (5, 6), (6, 7), (10, 11), (11, 12), (12, 25)),
    *((12, 24), (7, 8), (8, 23), (8, 22)),
)
"""Pairs of joints, counted from 1, that a bone joins; each weighs 5 (``alpha``)."""

FAR_PAIRS = ((12, 19), (10, 18), (6, 14), (8, 15), (12, 8), (10, 6))
"""Pairs that no bone joins but whose distance tells actions apart; each weighs 2 (``beta``)."""

BONE_WEIGHT, FAR_PAIR_WEIGHT = 5.0, 2.0


def skeleton_filters() -> Tensor:
    """``(2, 25, 25)``: the identity, and the weighted skeleton with self-loops, normalised on both sides.

    ``D^-½ (A + I) D^-½``, D the row sums (utils.py, ``preprocess_adj_tensor_with_identity``).
    """
    adjacency = torch.eye(JOINTS)
    for pairs, weight in ((BONES, BONE_WEIGHT), (FAR_PAIRS, FAR_PAIR_WEIGHT)):
        for one, other in pairs:
            adjacency[one - 1, other - 1] = adjacency[other - 1, one - 1] = weight
    scale = adjacency.sum(1).rsqrt()
    return torch.stack((torch.eye(JOINTS), scale[:, None] * adjacency * scale))


class GraphConvolutions(nn.Module):
    """A graph convolution for each time step, each with weights of its own, then ELU.

    A joint's own coordinates and those of its neighbourhood, side by side, through one linear layer.
    """

    filters: Tensor

    def __init__(self, steps: int, coordinates: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("filters", skeleton_filters(), persistent=False)
        self.kernel = nn.Parameter(torch.empty(steps, 2 * coordinates, channels))
        self.bias = nn.Parameter(torch.zeros(steps, 1, channels))
        for kernel in self.kernel:
            nn.init.xavier_uniform_(kernel)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, T, V, C) → (N, T, V, C')``."""
        seen = torch.einsum("fvw,ntwc->ntvfc", self.filters, x).flatten(3)
        return F.elu(torch.matmul(seen, self.kernel) + self.bias)


def pose_convolutions(in_channels: int) -> nn.Sequential:
    """Three 3×3 convolutions over the picture of time by joints, each normed before and pooled after.

    ``(N, C, T, V) → (N, 128, T', V')``, no padding: 30 × 25 → 2 × 1.
    """
    layers: list[nn.Module] = []
    channels = in_channels
    for width in (64, 64, 128):
        layers += [
            nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01),
            nn.Conv2d(channels, width, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        channels = width
    return nn.Sequential(*layers, nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01))


class PoseBackbone(nn.Module):
    """From joints in space to one vector for the clip.

    ::

        x ─┬─ graph convolution a step, ELU ─┬─ concatenate ─ 3 × (norm ─ conv 3×3 ─ pool) ─ 256 ─ 128
           └─────────────────────────────────┘
    """

    def __init__(self, *, steps: int, coordinates: int, channels: int, dropout: float) -> None:
        super().__init__()
        self.graph = GraphConvolutions(steps, coordinates, channels)
        self.graph_dropout = nn.Dropout(dropout)
        self.convolutions = pose_convolutions(channels + coordinates)
        time, joints = _pooled_thrice(steps), _pooled_thrice(JOINTS)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5),
            nn.Flatten(),
            nn.Linear(128 * time * joints, 256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(N, T, V, C) → (N, 128)``."""
        picture = torch.cat((self.graph_dropout(self.graph(x)), x), dim=3)
        return self.classifier(self.convolutions(picture.permute(0, 3, 1, 2)))


def _pooled_thrice(size: int) -> int:
    for _ in range(3):
        size = (size - 2) // 2
    return size


class VPN(nn.Module):
    """VPN as it is tested: the pose says where and when to look, the video network looks.

    ::

        skeleton ─ pose ─┬─ z1_layer ─ dense_spatial, sigmoid ──┐
                         └─ z2_layer ─ dense_temporal, softmax ─┴─ × ──────┐
        clip ─ i3d ──────────────────────────┬─────────────────────────── × ─ (+) ─ mean 2×7×7, step 1 ─┐
                                             └─────────────────────────────────┘                        │
                                                                      action_output ─ logits 1×1×1 ─────┘

    The trunk has the names of the public PyTorch weights of Inception-I3D, the dense layers those of
    the public Keras code, which publishes no weights. The two dense layers that pull video and pose
    towards one embedding are not here: only the loss of training sees them.
    """

    def __init__(self, *, num_classes: int, frames: int = 64, steps: int = 30, dropout: float = 0.3) -> None:
        super().__init__()
        self.clip = (3, frames, 224, 224)
        self.sequence = (1, steps, JOINTS, 3)
        volumes = frames // 8
        self.i3d = nn.Sequential(inception_i3d_trunk())
        self.pose = PoseBackbone(steps=steps, coordinates=3, channels=64, dropout=dropout)
        self.z1_layer, self.z2_layer = nn.Linear(128, 256), nn.Linear(128, 128)
        self.dense_spatial, self.dense_temporal = nn.Linear(256, 49), nn.Linear(128, volumes)
        for dense in (self.dense_spatial, self.dense_temporal):
            # So that a fresh network looks everywhere alike.
            nn.init.zeros_(dense.weight)
            nn.init.zeros_(dense.bias)
        self.avg_pool = nn.AvgPool3d((2, 7, 7), stride=1)
        self.dropout = nn.Dropout(dropout)
        self.logits = Logits(num_classes)
        self.action_output = nn.Linear((volumes - 1) * num_classes, num_classes)

    def forward(self, rgb: Tensor, skeleton: Tensor) -> Tensor:
        """``(N, 3, T, 224, 224), (N, 1, S, 25, 3) → (N, num_classes)``, T frames and S steps of the pose.

        Raises:
            InputError: a clip or skeleton of another size than the network was built for.
        """
        require_clip_shape(rgb, self.clip, model="vpn")
        require_clip_shape(skeleton, self.sequence, model="vpn")
        features = self.i3d(rgb)
        features = features * self.attention(skeleton) + features
        windows = self.logits(self.dropout(self.avg_pool(features))).flatten(2)
        return self.action_output(windows.transpose(1, 2).flatten(1))

    def attention(self, skeleton: Tensor) -> Tensor:
        """``(N, 1, S, 25, 3) → (N, 1, T/8, 7, 7)``: how much each place counts beside its neighbours."""
        pose = self.pose(skeleton[:, 0])
        where = self.dense_spatial(self.z1_layer(pose).tanh()).sigmoid().unflatten(1, (1, 1, 7, 7))
        when = self.dense_temporal(self.z2_layer(pose).tanh()).softmax(1)
        return when[:, None, :, None, None] * where


# The size is that of the public code's version for 64 frames (8 × 7 × 7 features, 30 steps of the pose;
# a later version of it is for 16 frames and 16 steps); the README says 64 for the published 93.5 and
# 96.2 % on NTU RGB+D 60. It says nothing of test views: the code's loader, which serves training and
# testing, gives one clip a video, every second frame of it, whole.
#
# EPAM-Net's table 1 prints 107.9 G. Ours is 111.18 G: Inception-I3D 111.15, pose network 0.03.
# Found: 107.9 leaves the pose network out and is a published count of Inception-I3D alone at 64 × 224²
# (108 in the tables of SlowFast's time). Not found: why that count is 3 % below the public code's. It is
# neither batch norms nor the head (they add), nor products with padding left out (104.40), nor
# another clip (62 frames 108.31, 220² 109.02).
SPEC = ModelSpec(
    name="vpn",
    title="VPN (Inception-I3D)",
    paper="Das et al., ECCV 2020",
    year=2020,
    modalities=("rgb", "pose"),
    inputs={"rgb": (3, 64, 224, 224), "skeleton": (1, 30, JOINTS, 3)},
    clips=1,
    crops=1,
    num_classes=60,
    build=VPN,
    frame_interval=2,
    head=("logits", "action_output"),
    notes=(
        "composed from public code; the embedding that only the loss of training sees is left out "
        "(102.8 M parameters, 0.1 G MACs)",
        "the published 107.9 G leave the pose network out: a count of Inception-I3D alone that is 3 % "
        "below the public code's 111.2 G, for a reason that is not published",
        "test views are not published: one clip of 64 frames, every second frame, is how the public "
        "code's loader reads a video",
    ),
)
