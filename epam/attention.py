"""How pose tells the RGB stream where and when to look: the paper's form and its ablations."""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam.errors import InputError, UnknownNameError
from epam.x_shiftnet import ConvNorm, initialise_weights

AttentionName = Literal["nested", "none", "compressed", "non_local"]

ATTENTION_MOMENTUM = 0.01
"""Batch-norm momentum in the attention alone (published code)."""


class NoAttention(nn.Module):
    """The ablation without attention: RGB features pass unguided."""

    def guide(self, rgb: Tensor, pose: Tensor) -> Tensor:
        """``rgb`` unchanged; ``pose`` is not looked at."""
        return rgb


class AttentionMap(nn.Module):
    """A map in (0, 1), one value for each place and frame, that strengthens RGB features."""

    def guide(self, rgb: Tensor, pose: Tensor) -> Tensor:
        """``f, A → f + f · A``: ``(N, 432, T, h, w)`` and ``(N, 216, T, h, w)`` in, the former out."""
        return rgb + rgb * self(pose)


class SpatialTemporalAttention(AttentionMap):
    """The paper's nested form: the temporal weights are made from the spatial map itself.

    ::

        pose ─ channel max, mean ─ conv 7×7 ─ BN ─ sigmoid ─ A_s ─┬──────────────────────────── (·) ─ A
                                                                  └ mean H, W ─ conv 7 ─ sigmoid ┘
    """

    def __init__(self) -> None:
        super().__init__()
        self.spatial = ConvNorm(2, 1, 7, momentum=ATTENTION_MOMENTUM)
        self.conv_temporal_attention = nn.Conv1d(1, 1, 7, padding=3, bias=False)
        initialise_weights(self)

    def forward(self, pose: Tensor) -> Tensor:
        """``(N, C, T, h, w) → (N, 1, T, h, w)``."""
        frames = pose.shape[2]
        statistics = torch.stack([pose.amax(dim=1), pose.mean(dim=1)], dim=2)
        spatial = self.spatial(statistics.flatten(0, 1)).sigmoid().unflatten(0, (-1, frames))
        temporal = self.conv_temporal_attention(spatial.mean(dim=(3, 4)).transpose(1, 2)).sigmoid()
        return spatial.transpose(1, 2) * temporal[..., None, None]


class CompressedAttention(AttentionMap):
    """Ablation: channels compressed by convolution, time weighed by a two-layer perceptron.

    ::

        pose ─ conv 3×3 (216 → 1) ─ ReLU ─ conv 7×7 ─ sigmoid ─ A_s ─┬───────────────────────────── (·) ─ A
                                                                    └ mean H, W ─ T → T → T, sigmoid ┘

    The facts give neither the perceptron's hidden width nor norms: T units with a ReLU, and
    none, are ours. The perceptron fixes the number of frames.
    """

    def __init__(self, channels: int, *, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.compress = nn.Conv2d(channels, 1, 3, padding=1)
        self.spatial = nn.Conv2d(1, 1, 7, padding=3)
        self.temporal = nn.Sequential(nn.Linear(frames, frames), nn.ReLU(), nn.Linear(frames, frames))
        initialise_weights(self)

    def forward(self, pose: Tensor) -> Tensor:
        """``(N, C, T, h, w) → (N, 1, T, h, w)``, T as it was built for."""
        frames = pose.shape[2]
        if frames != self.frames:
            raise InputError(
                f"the compressed attention was built for {self.frames} RGB frames, got {frames}; "
                "build it with frames=… or use attention='nested', which takes any number"
            )
        folded = pose.transpose(1, 2).flatten(0, 1)
        spatial = self.spatial(F.relu(self.compress(folded))).sigmoid().unflatten(0, (-1, frames))
        temporal = self.temporal(spatial.mean(dim=(2, 3, 4))).sigmoid()
        return spatial.transpose(1, 2) * temporal[:, None, :, None, None]


class NonLocalAttention(nn.Module):
    """Ablation: a dot-product non-local block in which pose decides which places are alike.

    ::

        pose ─ θ, φ ─ θᵀφ / places ─┐
        rgb ───────── g ─────────── (×) ─ out, BN ─ (+) ─ guided rgb
          └──────────────────────────────────────────┘

    After Wang et al., CVPR 2018 (dot-product form, divided by the number of places). That θ and
    φ see pose and g sees RGB is our reading: the facts say only "from pose to RGB features".
    """

    def __init__(self, pose_channels: int, rgb_channels: int) -> None:
        super().__init__()
        inner = pose_channels // 2
        self.theta = nn.Conv1d(pose_channels, inner, 1)
        self.phi = nn.Conv1d(pose_channels, inner, 1)
        self.g = nn.Conv1d(rgb_channels, inner, 1)
        self.out = nn.Conv1d(inner, rgb_channels, 1)
        self.bn = nn.BatchNorm1d(rgb_channels, momentum=ATTENTION_MOMENTUM)
        initialise_weights(self)
        # The block starts as the identity, as in its paper.
        nn.init.zeros_(self.bn.weight)

    def guide(self, rgb: Tensor, pose: Tensor) -> Tensor:
        """``(N, 432, T, h, w)`` and ``(N, 216, T, h, w)`` in, the former's shape out."""
        places = pose.flatten(2)
        affinity = self.theta(places).transpose(1, 2) @ self.phi(places) / places.shape[2]
        gathered = affinity @ self.g(rgb.flatten(2)).transpose(1, 2)
        return rgb + self.bn(self.out(gathered.transpose(1, 2))).unflatten(2, rgb.shape[2:])


def build_attention(
    name: AttentionName, *, pose_channels: int, rgb_channels: int, frames: int
) -> NoAttention | AttentionMap | NonLocalAttention:
    """Build an attention by its name; ``frames`` matters to the compressed form alone.

    Raises:
        UnknownNameError: no attention has that name.
    """
    match name:
        case "nested":
            return SpatialTemporalAttention()
        case "none":
            return NoAttention()
        case "compressed":
            return CompressedAttention(pose_channels, frames=frames)
        case "non_local":
            return NonLocalAttention(pose_channels, rgb_channels)
    raise UnknownNameError("attention", name, get_args(AttentionName))
