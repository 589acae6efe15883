"""VideoMAE's ViT-B: a plain vision transformer in which every tubelet of the clip attends to every other.

Tong et al., "VideoMAE: Masked Autoencoders are Data-Efficient Learners for Self-Supervised Video
Pre-Training", NeurIPS 2022, section 3 and appendix: the encoder, all tokens visible, as it is fine-tuned
and tested. The decoder and the masks of pre-training are not here.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from epam_baselines.clip_shape import require_clip_shape
from epam_baselines.specification import ModelSpec

EPSILON = 1e-6
"""Of every layer norm (MMAction2, configs/_base_/models/vit_base.py)."""


def sinusoid_positions(positions: int, channels: int) -> Tensor:
    """``(1, positions, channels)``: sines in even channels, cosines in odd, waves growing up to 10 000.

    One row for each tubelet in the order time, height, width: place in that one sequence, not on
    three axes.
    """
    exponent = torch.arange(channels, dtype=torch.float64).div(2, rounding_mode="floor").mul(2) / channels
    angles = torch.arange(positions, dtype=torch.float64)[:, None] * 10000.0**-exponent
    even = torch.arange(channels) % 2 == 0
    return torch.where(even, angles.sin(), angles.cos()).float()[None]


class Attention(nn.Module):
    """Multi-head self-attention whose keys have no bias."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_bias = nn.Parameter(torch.zeros(channels))
        self.v_bias = nn.Parameter(torch.zeros(channels))
        self.qkv = nn.Linear(channels, 3 * channels, bias=False)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, L, C) → (N, L, C)``: every token attends to all L."""
        bias = torch.cat((self.q_bias, torch.zeros_like(self.q_bias), self.v_bias))
        qkv = F.linear(x, self.qkv.weight, bias)
        query, key, value = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widen = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU())
        self.layers = nn.Sequential(widen, nn.Linear(4 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, L, C) → (N, L, C)``."""
        return self.layers(x)


class JointBlock(nn.Module):
    """Attention over all of space and time at once, then feed-forward; both pre-normed and residual."""

    def __init__(self, channels: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, EPSILON)
        self.attn = Attention(channels, heads)
        self.norm2 = nn.LayerNorm(channels, EPSILON)
        self.mlp = FeedForward(channels)
        self.drop_path = StochasticDepth(drop_path, "row")

    def forward(self, x: Tensor) -> Tensor:
        """``(N, L, C) → (N, L, C)``."""
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class TubeletEmbedding(nn.Module):
    """Cuts the clip into tubelets, a few frames deep, and projects each to one token."""

    def __init__(self, channels: int, tubelet: tuple[int, int, int]) -> None:
        super().__init__()
        self.projection = nn.Conv3d(3, channels, tubelet, stride=tubelet)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, L, C)``, in the order time, height, width."""
        return self.projection(x).flatten(2).transpose(1, 2)


class VideoTransformer(nn.Module):
    """Tubelets with their positions, through the blocks, to the mean token.

    ::

        clip ─ patch_embed ─ (+ pos_embed) ─ blocks ─ mean over tokens ─ fc_norm

    Attributes:
        computed_buffers: what a checkpoint may leave out.
    """

    computed_buffers = ("pos_embed",)
    pos_embed: Tensor

    def __init__(
        self,
        *,
        frames: int,
        image: int,
        tubelet: tuple[int, int, int],
        channels: int,
        heads: int,
        depth: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        depth_frames, height, width = tubelet
        tokens = (frames // depth_frames) * (image // height) * (image // width)
        self.patch_embed = TubeletEmbedding(channels, tubelet)
        self.register_buffer("pos_embed", sinusoid_positions(tokens, channels))
        # Stochastic depth grows evenly from the first block to the last.
        rates = [drop_path * index / max(1, depth - 1) for index in range(depth)]
        self.blocks = nn.ModuleList(JointBlock(channels, heads, rate) for rate in rates)
        self.fc_norm = nn.LayerNorm(channels, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, C)``."""
        tokens = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            tokens = block(tokens)
        return self.fc_norm(tokens.mean(1))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # The positions are a formula; weights converted from the paper's repository come without them.
        state_dict.setdefault(prefix + "pos_embed", self.pos_embed)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class VideoMAE(nn.Module):
    """ViT-B/16 with joint space-time attention under the names of MMAction2's published checkpoint."""

    def __init__(
        self,
        *,
        num_classes: int,
        frames: int = 16,
        image: int = 224,
        patch: int = 16,
        tubelet_frames: int = 2,
        channels: int = 768,
        heads: int = 12,
        depth: int = 12,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        self.clip = (3, frames, image, image)
        self.backbone = VideoTransformer(
            frames=frames,
            image=image,
            tubelet=(tubelet_frames, patch, patch),
            channels=channels,
            heads=heads,
            depth=depth,
            drop_path=drop_path,
        )
        self.cls_head = nn.Sequential(OrderedDict(fc_cls=nn.Linear(channels, num_classes)))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, num_classes)``.

        Raises:
            InputError: the clip is not of the size that the positions were made for.
        """
        require_clip_shape(x, self.clip, model="videomae_b")
        return self.cls_head(self.backbone(x))


# Parameters, MACs and views: MMAction2, configs/recognition/videomae/README.md (ViT-B, 16x4x1: 81.3 %,
# 5 clips × 3 crops; 180 G MACs, 87 M parameters). Ours are 180.4 G and 86.53 M, 86.23 M without the head.
# The paper's own repository (MODEL_ZOO.md) prints 80.9 % after 1600 epochs with the same views.
SPEC = ModelSpec(
    name="videomae_b",
    title="VideoMAE ViT-B",
    paper="Tong et al., NeurIPS 2022",
    year=2022,
    modalities=("rgb",),
    inputs={"rgb": (3, 16, 224, 224)},
    clips=5,
    crops=3,
    num_classes=400,
    build=VideoMAE,
    frame_interval=4,
)
