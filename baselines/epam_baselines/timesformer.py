"""TimeSformer: a vision transformer whose blocks attend across time, then across space.

Bertasius et al., "Is Space-Time Attention All You Need for Video Understanding?", ICML 2021,
section 3 (divided space-time attention).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from epam_baselines.clip_shape import require_clip_shape
from epam_baselines.specification import ModelSpec

EPSILON = 1e-6
"""Of every layer norm (MMAction2's config)."""


TensorMap = Callable[[Tensor], Tensor]


def attend_across_time(tokens: Tensor, frames: int, change: TensorMap, drop_path: TensorMap) -> Tensor:
    """``(N, 1 + P·T, C) → (N, 1 + P·T, C)``: adds ``change`` of the track of each patch through time.

    ``change`` maps ``(N·P, T, C)`` to the same shape; the class token stays as it is.
    """
    token, patches = tokens[:, :1], tokens[:, 1:]
    tracks = patches.unflatten(1, (-1, frames)).flatten(0, 1)
    return torch.cat((token, patches + drop_path(change(tracks).reshape(patches.shape))), dim=1)


def attend_across_space(tokens: Tensor, frames: int, change: TensorMap, drop_path: TensorMap) -> Tensor:
    """``(N, 1 + P·T, C) → (N, 1 + P·T, C)``: adds ``change`` of each frame with the class token before it.

    ``change`` maps ``(N·T, 1 + P, C)`` to the same shape; the class token takes the mean of what
    becomes of it in all frames.
    """
    token, patches = tokens[:, None, :1], tokens[:, 1:].unflatten(1, (-1, frames))
    by_frame = torch.cat((token.expand(-1, frames, -1, -1), patches.transpose(1, 2)), dim=2)
    changed = change(by_frame.flatten(0, 1)).reshape(by_frame.shape)
    token_change, patch_change = changed[:, :, 0].mean(1, keepdim=True), changed[:, :, 1:]
    return tokens + drop_path(torch.cat((token_change, patch_change.transpose(1, 2).flatten(1, 2)), dim=1))


class SelfAttention(nn.Module):
    """Multi-head self-attention with the parameter names of ``nn.MultiheadAttention``.

    Not that module itself: in eval mode it calls a fused kernel that operation counters cannot see.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * channels))
        self.out_proj = nn.Linear(channels, channels)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, L, C) → (B, L, C)``: every token attends to all L of its row."""
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        query, key, value = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class TemporalAttention(nn.Module):
    """Each patch attends to the same place in all frames; the class token stays as it is.

    ``temporal_fc`` starts at zero, so a fresh network is an image transformer.

    ::

        class ──────────────────────────────────────────
        patches ─┬─ norm ─ attn over T ─ temporal_fc ─ (+)
                 └──────────────────────────────────────┘
    """

    def __init__(self, channels: int, heads: int, frames: int, drop_path: float) -> None:
        super().__init__()
        self.frames = frames
        self.norm = nn.LayerNorm(channels, EPSILON)
        self.attn = SelfAttention(channels, heads)
        self.temporal_fc = nn.Linear(channels, channels)
        self.drop_path = StochasticDepth(drop_path, "row")
        nn.init.zeros_(self.temporal_fc.weight)
        nn.init.zeros_(self.temporal_fc.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, 1 + P·T, C) → (N, 1 + P·T, C)``."""
        return attend_across_time(tokens, self.frames, self._change, self.drop_path)

    def _change(self, tracks: Tensor) -> Tensor:
        return self.temporal_fc(self.attn(self.norm(tracks)))


class SpatialAttention(nn.Module):
    """Patches of one frame and the class token attend to each other; the token takes the frames' mean.

    ::

        class ──┬─ copied to every frame ─┐                 ┌─ mean over T ─ (+ class)
        patches ┴─ by frame ──────────────┴─ norm ─ attn ───┴─ by patch ──── (+ patches)
    """

    def __init__(self, channels: int, heads: int, frames: int, drop_path: float) -> None:
        super().__init__()
        self.frames = frames
        self.norm = nn.LayerNorm(channels, EPSILON)
        self.attn = SelfAttention(channels, heads)
        self.drop_path = StochasticDepth(drop_path, "row")

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, 1 + P·T, C) → (N, 1 + P·T, C)``."""
        return attend_across_space(tokens, self.frames, self._change, self.drop_path)

    def _change(self, by_frame: Tensor) -> Tensor:
        return self.attn(self.norm(by_frame))


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them, pre-normed and residual."""

    def __init__(self, channels: int, drop_path: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, EPSILON)
        widen = nn.Linear(channels, 4 * channels)
        self.layers = nn.Sequential(nn.Sequential(widen, nn.GELU()), nn.Linear(4 * channels, channels))
        self.drop_path = StochasticDepth(drop_path, "row")

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, L, C) → (N, L, C)``."""
        return tokens + self.drop_path(self.layers(self.norm(tokens)))


class DividedBlock(nn.Module):
    """Attention across time, attention across space, feed-forward: each adds to the tokens."""

    def __init__(self, channels: int, heads: int, frames: int, drop_path: float) -> None:
        super().__init__()
        self.attentions = nn.ModuleList(
            (
                TemporalAttention(channels, heads, frames, drop_path),
                SpatialAttention(channels, heads, frames, drop_path),
            )
        )
        self.ffns = nn.ModuleList((FeedForward(channels, drop_path),))

    def forward(self, tokens: Tensor) -> Tensor:
        """``(N, 1 + P·T, C) → (N, 1 + P·T, C)``."""
        temporal, spatial = self.attentions
        return self.ffns[0](spatial(temporal(tokens)))


class PatchEmbedding(nn.Module):
    """Cuts every frame into square patches and projects each to one token."""

    def __init__(self, channels: int, patch: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(3, channels, patch, stride=patch)
        nn.init.kaiming_normal_(self.projection.weight, mode="fan_in", nonlinearity="linear")
        nn.init.zeros_(self.projection.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, T, P, C)``, P patches a frame."""
        patches = self.projection(x.transpose(1, 2).flatten(0, 1)).flatten(2).transpose(1, 2)
        return patches.unflatten(0, (-1, x.shape[2]))


class TimeSformerBackbone(nn.Module):
    """Tokens with their place and time embedded, through the blocks, to the class token.

    ::

        clip ─ patch_embed ─ (+ pos_embed) ─ (+ time_embed) ─┐
        cls_token ────────── (+ pos_embed) ──────────────────┴─ transformer_layers ─ norm ─ class token
    """

    def __init__(
        self, *, frames: int, image: int, patch: int, channels: int, heads: int, depth: int, drop_path: float
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(channels, patch)
        self.cls_token = nn.Parameter(torch.empty(1, 1, channels))
        self.pos_embed = nn.Parameter(torch.empty(1, (image // patch) ** 2 + 1, channels))
        self.time_embed = nn.Parameter(torch.zeros(1, frames, channels))
        # Stochastic depth grows evenly from the first block to the last.
        rates = [drop_path * index / max(1, depth - 1) for index in range(depth)]
        blocks = nn.Sequential(*(DividedBlock(channels, heads, frames, rate) for rate in rates))
        self.transformer_layers = nn.Sequential(OrderedDict(layers=blocks))
        self.norm = nn.LayerNorm(channels, EPSILON)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, C)``."""
        patches = self.patch_embed(x) + self.pos_embed[:, None, 1:] + self.time_embed[:, :, None]
        token = (self.cls_token + self.pos_embed[:, :1]).expand(x.shape[0], -1, -1)
        # Patch by patch, its frames next to each other: the order that temporal attention reads.
        tokens = torch.cat((token, patches.transpose(1, 2).flatten(1, 2)), dim=1)
        return self.norm(self.transformer_layers(tokens))[:, 0]


class TimeSformer(nn.Module):
    """TimeSformer (divided attention, ViT-B/16) under the names of MMAction2's published checkpoint.

    In training whole residual branches are dropped clip by clip (the published code drops the
    temporal ones patch by patch).
    """

    def __init__(
        self,
        *,
        num_classes: int,
        frames: int = 8,
        image: int = 224,
        patch: int = 16,
        channels: int = 768,
        heads: int = 12,
        depth: int = 12,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        self.clip = (3, frames, image, image)
        self.backbone = TimeSformerBackbone(
            frames=frames,
            image=image,
            patch=patch,
            channels=channels,
            heads=heads,
            depth=depth,
            drop_path=drop_path,
        )
        fc_cls = nn.Linear(channels, num_classes)
        nn.init.trunc_normal_(fc_cls.weight, std=0.02)
        nn.init.zeros_(fc_cls.bias)
        self.cls_head = nn.Sequential(OrderedDict(fc_cls=fc_cls))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, num_classes)``.

        Raises:
            InputError: the clip is not of the size that the position embeddings were made for.
        """
        require_clip_shape(x, self.clip, model="timesformer")
        return self.cls_head(self.backbone(x))


# Views: MMAction2, configs/recognition/timesformer/README.md (divST: 77.69 %, 1 clip × 3 crops; 196 G
# MACs, 122 M parameters; its clips are 8x32x1); the paper's own repository prints 77.9 % with the same
# views, and the paper 0.59 T FLOPs: 3 × 196 G multiply-adds.
SPEC = ModelSpec(
    name="timesformer",
    title="TimeSformer divST",
    paper="Bertasius et al., ICML 2021",
    year=2021,
    modalities=("rgb",),
    inputs={"rgb": (3, 8, 224, 224)},
    clips=1,
    crops=3,
    num_classes=400,
    build=TimeSformer,
    frame_interval=32,
)

# 16 frames of 224²: what pi-ViT reads on NTU RGB+D (its configs/NTU/*.yaml, frames spread evenly over
# the video). 392.1 G MACs, 121.265 M parameters without the head: twice the frames are twice the MACs
# but for attention across time, and 8 × 768 more time embeddings. The paper's own 16 frames are of 448².
SPEC_16F = ModelSpec(
    name="timesformer_16f",
    title="TimeSformer divST, 16 frames",
    paper="Bertasius et al., ICML 2021",
    year=2021,
    modalities=("rgb",),
    inputs={"rgb": (3, 16, 224, 224)},
    clips=1,
    crops=3,
    num_classes=400,
    build=partial(TimeSformer, frames=16),
    notes=(
        "no accuracy is published for 16 frames of 224² on Kinetics-400: 1 clip × 3 crops is how the "
        "paper tests its other networks there",
    ),
)

SPECS = (SPEC, SPEC_16F)
