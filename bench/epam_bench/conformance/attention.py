"""Attention: queries × keys × width for the scores, as much again (by the values' width) for the sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam_bench.conformance.case import Arguments, Case, Computes, drawn

GROUP = "attention"


class Attends(nn.Module):
    """Multi-head attention from a query to a memory, or to itself.

    Args:
        stays_in_training: keeps training mode whatever it is told, and with it the slow path, which
            is written in Python; in eval mode self-attention is one fused kernel.
    """

    def __init__(self, *, width: int, heads: int, stays_in_training: bool = False, **options: Any) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, **options)
        self.stays_in_training = stays_in_training

    def train(self, mode: bool = True) -> Self:
        """Switch the mode, or don't."""
        return super().train(mode or self.stays_in_training)

    def forward(self, query: Tensor, memory: Tensor | None = None, **options: Any) -> Tensor:
        """``(N, L, E)`` and ``(N, S, E) → (N, L, E)``, or time first, as the attention is set."""
        memory = query if memory is None else memory
        attended, _ = self.attention(query, memory, memory, **options)
        return attended


class StaysInTraining(nn.Module):
    """A part that keeps training mode whatever it is told."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def train(self, mode: bool = True) -> Self:
        """Training mode, always."""
        return super().train(True)

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the part does."""
        result: Tensor = self.part(*inputs)
        return result


def _hand_written(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = (query @ key.transpose(-2, -1)) / query.shape[-1] ** 0.5
    return scores.softmax(dim=-1) @ value


def _sdpa(**options: Any) -> Callable[[], nn.Module]:
    return lambda: Computes(lambda *inputs: F.scaled_dot_product_attention(*inputs, **options))


def _masked(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Each query sees the keys up to its own place, by a mask of its own making."""
    seen = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device).tril()
    return F.scaled_dot_product_attention(query, key, value, attn_mask=seen)


def _case(
    name: str,
    build: Callable[[], nn.Module],
    args: Callable[[], Arguments],
    truth: int,
    working: str,
    kwargs: Callable[[], Mapping[str, Any]] = dict,
) -> Case:
    return Case(name=name, group=GROUP, build=build, args=args, truth=truth, working=working, kwargs=kwargs)


CASES = (
    _case(
        "scaled dot-product attention",
        _sdpa(),
        drawn((2, 3, 4, 8), (2, 3, 4, 8), (2, 3, 4, 8)),
        (2 * 3) * (4 * 4 * 8 + 4 * 4 * 8),
        "2 × 3 heads × (4 queries × 4 keys × 8, twice)",
    ),
    _case(
        "scaled dot-product attention, causal",
        _sdpa(is_causal=True),
        drawn((1, 2, 6, 4), (1, 2, 6, 4), (1, 2, 6, 4)),
        2 * (6 * 6 * 4 + 6 * 6 * 4),
        "2 heads × (6 × 6 × 4, twice); the mask hides half of it and halves nothing",
    ),
    _case(
        "scaled dot-product attention with a mask",
        lambda: Computes(_masked),
        drawn((1, 2, 5, 4), (1, 2, 5, 4), (1, 2, 5, 4)),
        2 * (5 * 5 * 4 + 5 * 5 * 4),
        "2 heads × (5 × 5 × 4, twice)",
    ),
    _case(
        "scaled dot-product attention, other keys than queries",
        _sdpa(),
        drawn((1, 2, 3, 4), (1, 2, 7, 4), (1, 2, 7, 4)),
        2 * (3 * 7 * 4 + 3 * 7 * 4),
        "2 heads × (3 queries × 7 keys × 4, twice)",
    ),
    _case(
        "scaled dot-product attention, values of another width",
        _sdpa(),
        drawn((1, 2, 3, 4), (1, 2, 5, 4), (1, 2, 5, 6)),
        2 * (3 * 5 * 4 + 3 * 5 * 6),
        "2 heads × (3 × 5 × 4 for the scores + 3 × 5 × 6 for the sums)",
    ),
    _case(
        "scaled dot-product attention, four heads of queries to two of keys",
        _sdpa(enable_gqa=True),
        drawn((1, 4, 3, 8), (1, 2, 5, 8), (1, 2, 5, 8)),
        4 * (3 * 5 * 8 + 3 * 5 * 8),
        "4 heads of queries × (3 × 5 × 8, twice); keys and values are shared, the products are not",
    ),
    _case(
        "scaled dot-product attention without heads",
        _sdpa(),
        drawn((2, 6, 4), (2, 6, 4), (2, 6, 4)),
        2 * (6 * 6 * 4 + 6 * 6 * 4),
        "2 × (6 × 6 × 4, twice)",
    ),
    _case(
        "attention written as two products",
        lambda: Computes(_hand_written),
        drawn((2, 2, 3, 4), (2, 2, 3, 4), (2, 2, 3, 4)),
        (2 * 2) * (3 * 3 * 4 + 3 * 3 * 4),
        "2 × 2 heads × (3 × 3 × 4, twice)",
    ),
    # Multi-head attention: projections of queries, keys and values, the attention, and one
    # projection of its result. Heads split the width, so that they cancel out of the attention.
    _case(
        "multi-head self-attention in eval mode",
        lambda: Attends(width=8, heads=2, batch_first=True),
        drawn((2, 5, 8)),
        2 * (4 * 5 * 8 * 8 + 2 * 5 * 5 * 8),
        "2 × (4 projections of 5 tokens × 8 × 8 + scores and sums of 5 × 5 × 8)",
    ),
    _case(
        "multi-head self-attention in eval mode, without weights returned",
        lambda: Attends(width=8, heads=4, batch_first=True),
        drawn((1, 6, 8)),
        4 * 6 * 8 * 8 + 2 * 6 * 6 * 8,
        "4 projections of 6 × 8 × 8 + scores and sums of 6 × 6 × 8",
        kwargs=lambda: {"need_weights": False},
    ),
    _case(
        "multi-head self-attention in training mode",
        lambda: Attends(width=8, heads=2, batch_first=True, stays_in_training=True),
        drawn((2, 5, 8)),
        2 * (4 * 5 * 8 * 8 + 2 * 5 * 5 * 8),
        "as in eval mode: the path taken is no matter of cost",
    ),
    _case(
        "multi-head self-attention in training mode, without weights returned",
        lambda: Attends(width=8, heads=2, batch_first=True, stays_in_training=True),
        drawn((2, 5, 8)),
        2 * (4 * 5 * 8 * 8 + 2 * 5 * 5 * 8),
        "as in eval mode: the path taken is no matter of cost",
        kwargs=lambda: {"need_weights": False},
    ),
    _case(
        "multi-head attention to a memory",
        lambda: Attends(width=8, heads=2, batch_first=True),
        drawn((1, 3, 8), (1, 7, 8)),
        3 * 8 * 8 + 2 * 7 * 8 * 8 + 2 * 3 * 7 * 8 + 3 * 8 * 8,
        "queries 3 × 8 × 8 + keys and values 7 × 8 × 8 each + 3 × 7 × 8 twice + result 3 × 8 × 8",
    ),
    _case(
        "multi-head attention to a memory in training mode",
        lambda: Attends(width=8, heads=2, batch_first=True, stays_in_training=True),
        drawn((1, 3, 8), (1, 7, 8)),
        3 * 8 * 8 + 2 * 7 * 8 * 8 + 2 * 3 * 7 * 8 + 3 * 8 * 8,
        "queries 3 × 8 × 8 + keys and values 7 × 8 × 8 each + 3 × 7 × 8 twice + result 3 × 8 × 8",
    ),
    _case(
        "multi-head attention to a memory of another width",
        lambda: Attends(width=8, heads=2, kdim=6, vdim=6, batch_first=True),
        drawn((1, 3, 8), (1, 5, 6)),
        3 * 8 * 8 + 2 * 5 * 6 * 8 + 2 * 3 * 5 * 8 + 3 * 8 * 8,
        "queries 3 × 8 × 8 + keys and values 5 × 6 × 8 each + 3 × 5 × 8 twice + result 3 × 8 × 8",
    ),
    _case(
        "multi-head self-attention, time first",
        lambda: Attends(width=6, heads=3),
        drawn((4, 2, 6)),
        2 * (4 * 4 * 6 * 6 + 2 * 4 * 4 * 6),
        "2 × (4 projections of 4 × 6 × 6 + scores and sums of 4 × 4 × 6)",
    ),
    _case(
        "multi-head self-attention with a key and a value of its own",
        lambda: Attends(width=8, heads=2, add_bias_kv=True, batch_first=True),
        drawn((1, 5, 8)),
        4 * 5 * 8 * 8 + 2 * 5 * 6 * 8,
        "4 projections of 5 × 8 × 8 + scores and sums of 5 queries × 6 keys (one is learnt) × 8",
    ),
    _case(
        "transformer encoder layer in eval mode",
        lambda: nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.0, batch_first=True),
        drawn((2, 5, 8)),
        2 * (4 * 5 * 8 * 8 + 2 * 5 * 5 * 8 + 2 * 5 * 8 * 16),
        "2 × (4 projections of 5 × 8 × 8 + 5 × 5 × 8 twice + perceptron of 5 × 8 × 16 twice)",
    ),
    _case(
        "transformer encoder layer in training mode, norms first",
        lambda: StaysInTraining(
            nn.TransformerEncoderLayer(
                8, 2, dim_feedforward=12, dropout=0.0, batch_first=True, norm_first=True
            )
        ),
        drawn((2, 5, 8)),
        2 * (4 * 5 * 8 * 8 + 2 * 5 * 5 * 8 + 2 * 5 * 8 * 12),
        "2 × (4 projections of 5 × 8 × 8 + 5 × 5 × 8 twice + perceptron of 5 × 8 × 12 twice)",
    ),
    _case(
        "transformer decoder layer",
        lambda: nn.TransformerDecoderLayer(8, 2, dim_feedforward=16, dropout=0.0, batch_first=True),
        drawn((1, 3, 8), (1, 5, 8)),
        (4 * 3 * 8 * 8 + 2 * 3 * 3 * 8) + (2 * 3 * 8 * 8 + 2 * 5 * 8 * 8 + 2 * 3 * 5 * 8) + 2 * 3 * 8 * 16,
        "self-attention of 3 tokens + attention of 3 to a memory of 5 + perceptron of 3 × 8 × 16 twice",
    ),
)
