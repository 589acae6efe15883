from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam_bench.counters.quick_shapes import QuickShapes, like_on_meta


@pytest.mark.parametrize(
    "function",
    [
        nn.BatchNorm3d(4).eval(),
        nn.BatchNorm3d(4).train(),
        nn.BatchNorm3d(4, affine=False, track_running_stats=False),
        torch.relu,
        F.silu,
        F.gelu,
        torch.sigmoid,
        torch.tanh,
        F.hardswish,
        lambda x: torch.relu(x.to(torch.bfloat16)),
        lambda x: torch.sigmoid(x.to(torch.int32)),
        lambda x: x.new_empty(2, 2).normal_().add(1),
    ],
)
@pytest.mark.parametrize(
    "layout",
    [
        lambda x: x,
        lambda x: x.to(memory_format=torch.channels_last_3d),
        lambda x: x.transpose(2, 4),
        lambda x: x[:, :, ::2],
        lambda x: x[:, :, :1].expand(2, 4, 6, 3, 5),
    ],
    ids=["contiguous", "channels last", "transposed", "every other", "expanded"],
)
def test_quick_answers_are_pytorchs_own(
    function: Callable[[Tensor], Tensor], layout: Callable[[Tensor], Tensor]
) -> None:
    if isinstance(function, nn.Module):
        function = function.to("meta")
    x = layout(torch.empty(2, 4, 6, 3, 5, device="meta"))
    with torch.no_grad():
        slow = function(x)
        with QuickShapes():
            quick = function(x)
    assert (quick.shape, quick.stride(), quick.dtype) == (slow.shape, slow.stride(), slow.dtype)
    assert quick.is_meta


def test_fillings_are_skipped_on_meta_and_done_elsewhere() -> None:
    on_meta, on_cpu = torch.empty(3, device="meta"), torch.zeros(3)
    with QuickShapes():
        assert on_meta.normal_() is on_meta
        assert on_cpu.fill_(2.0).tolist() == [2.0, 2.0, 2.0]
        assert torch.relu(-on_cpu).tolist() == [0.0, 0.0, 0.0]


def test_what_is_like_a_tensor_keeps_shape_type_and_order() -> None:
    for tensor in (
        torch.zeros(2, 3, dtype=torch.float16),
        torch.zeros(2, 3, device="meta"),
        torch.zeros(3, 2).t(),
    ):
        like = like_on_meta(tensor)
        assert (like.shape, like.dtype, like.stride()) == (tensor.shape, tensor.dtype, tensor.stride())
        assert like.is_meta
