from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam.backends import packed_convolution
from epam.backends.packed_convolution import PackedConvolution, PackedShift, can_pack
from epam.temporal_shift import temporal_shift

pytestmark = pytest.mark.skipif(not can_pack(torch.float32), reason="no fused operations of oneDNN here")


def channels_last(*shape: int) -> Tensor:
    return torch.randn(shape).contiguous(memory_format=torch.channels_last)


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.mark.parametrize(
    ("activation", "function"), [("none", lambda x: x), ("relu", F.relu), ("swish", F.silu)]
)
@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(6, 10, 1),
        nn.Conv2d(6, 10, 1, stride=2),
        nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6),
        nn.Conv2d(6, 4, 3, padding=1, bias=False),
    ],
    ids=str,
)
def test_convolution_and_activation_are_one(conv, activation, function) -> None:
    packed = PackedConvolution(conv, (4, 6, 8, 8), activation, torch.float32)
    # Other numbers of frames than it was packed for are the last, shorter chunk's.
    for frames in (4, 1, 3):
        x = channels_last(frames, 6, 8, 8)
        assert torch.allclose(packed(x), function(conv(x)), atol=1e-5)


def test_the_residual_is_added_to_in_its_place() -> None:
    conv, x, residual = nn.Conv2d(6, 10, 1), channels_last(2, 6, 4, 4), channels_last(4, 10, 4, 4)
    wanted = F.relu(conv(x) + residual[1:3])
    before = residual.clone()
    PackedConvolution(conv, x.shape, "none", torch.float32).add_into(residual[1:3], x)
    assert torch.allclose(residual[1:3], wanted, atol=1e-5)
    assert torch.equal(residual[::3], before[::3])


@pytest.mark.parametrize("size", [(5, 8, 3, 2), (1, 8, 4, 4), (2, 8, 1, 1), (6, 17, 2, 5)])
@pytest.mark.parametrize("fold", [0, 1, 4])
def test_the_shift_as_a_convolution_moves_the_same_numbers(size, fold) -> None:
    x = channels_last(*size)
    wanted = temporal_shift(x, frames=len(x), fold=fold) if fold else x
    shift = PackedShift(x.shape[1], fold, torch.float32)
    for start, stop in ((0, len(x)), (0, 1), (1, 3), (len(x) - 1, len(x) + 2)):
        if start < len(x):
            assert torch.equal(shift(x, start, stop), wanted[start:stop])


def test_a_build_without_the_operations_is_noticed(monkeypatch) -> None:
    can_pack.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
        assert not can_pack(torch.float32)
    can_pack.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(PackedConvolution, "__call__", lambda self, x: x.no_such_operation)
        assert not can_pack(torch.float32)
    can_pack.cache_clear()
    with monkeypatch.context() as patch:
        # There, but computing something else.
        patch.setattr(PackedConvolution, "__call__", lambda self, x: x)
        assert not can_pack(torch.float32)
    can_pack.cache_clear()


def test_bf16_is_for_processors_that_have_it(monkeypatch) -> None:
    can_pack.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(packed_convolution, "has_bf16", lambda: False)
        assert not can_pack(torch.bfloat16)
    can_pack.cache_clear()
