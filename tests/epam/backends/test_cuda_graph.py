from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import epam
from epam.backends.backend import DTYPES, Inputs, Precision, Request
from epam.backends.cuda_graph import BACKEND, replaying
from epam.backends.equality import check_equality, reference_logits

without_gpu = not torch.cuda.is_available()


def test_a_call_fills_the_buffers_replays_and_copies_the_logits_out() -> None:
    buffer, logits = torch.zeros(1, 2), torch.zeros(1, 2)
    call = replaying(lambda: logits.copy_(2 * buffer), (buffer,), logits)
    first = call(torch.ones(1, 2))
    second = call(torch.full((1, 2), 3.0))
    assert isinstance(first, torch.Tensor)
    assert isinstance(second, torch.Tensor)
    assert first.tolist() == [[2, 2]]
    assert second.tolist() == [[6, 6]]


def test_logits_of_both_streams_are_copied_out() -> None:
    logits = epam.EPAMLogits(rgb=torch.zeros(1, 2), pose=torch.zeros(1, 2))
    output = replaying(lambda: logits.rgb.add_(1), (), logits)()
    assert isinstance(output, epam.EPAMLogits)
    logits.rgb.zero_()
    assert output.rgb.tolist() == [[1, 1]]


@pytest.mark.skipif(not without_gpu, reason="there is a GPU")
def test_without_a_gpu_it_says_so() -> None:
    assert "NVIDIA GPU" in (BACKEND.missing() or "")


@pytest.mark.gpu
@pytest.mark.skipif(without_gpu, reason="needs a CUDA device")
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_logits_are_those_of_the_twin(
    precision: Precision, batch: int, thin: Callable[..., epam.EPAMNet], clips: Callable[..., Inputs]
) -> None:
    assert precision in DTYPES
    model, samples = thin(), [clips(batch), clips(batch)]
    name, expected = reference_logits(model, samples)
    device = torch.device("cuda")
    there = [tuple(tensor.to(device) for tensor in sample) for sample in samples]
    request = Request(example_inputs=there[0], device=device, precision=precision)
    call = BACKEND.prepare(model.to(device), request).call
    # The second input shows that a replay reads its buffers anew.
    equality = check_equality(call, there, reference=name, expected=expected, precision=precision)
    assert equality.holds, equality
