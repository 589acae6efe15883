from __future__ import annotations

import torch
from torch import nn

import epam
from epam.backends.backend import Request
from epam.backends.plain_call import count_weights_bytes, exact_float32, float32_logits, plain_call


def test_inputs_are_cast_and_logits_come_back_in_float32() -> None:
    seen = []

    def forward(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.dtype)
        return x

    x = torch.ones(1, 2, requires_grad=True)
    logits = plain_call(forward, Request(example_inputs=(x,), precision="bf16"))(x)
    assert seen == [torch.bfloat16]
    assert isinstance(logits, torch.Tensor)
    assert logits.dtype is torch.float32
    assert not logits.requires_grad


def test_both_streams_logits_keep_their_names() -> None:
    half = torch.ones(1, 2, dtype=torch.bfloat16)
    logits = float32_logits(epam.EPAMLogits(rgb=half, pose=2 * half))
    assert isinstance(logits, epam.EPAMLogits)
    assert (logits.rgb.dtype, logits.pose.tolist()) == (torch.float32, [[2.0, 2.0]])


def test_the_settings_of_cudnn_come_back() -> None:
    cudnn = torch.backends.cudnn
    convolution = cudnn.conv  # type: ignore[attr-defined]  # made at run time
    before = cudnn.benchmark, convolution.fp32_precision
    # Twice: a benchmark has set the same precision before the call does.
    with exact_float32(), exact_float32(tune_convolutions=True):
        assert (cudnn.benchmark, convolution.fp32_precision) == (True, "ieee")
    assert (cudnn.benchmark, convolution.fp32_precision) == before


def test_shared_weights_are_counted_once() -> None:
    layer = nn.Linear(3, 2)
    assert count_weights_bytes(nn.Sequential(layer, layer)) == 4 * (3 * 2 + 2)
