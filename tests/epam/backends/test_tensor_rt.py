from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import epam
from epam.backends.backend import Inputs, Request
from epam.backends.equality import check_equality, reference_logits
from epam.backends.tensor_rt import BACKEND, build_engine

without_gpu = not torch.cuda.is_available()


def test_only_the_asked_precision_may_be_used_and_no_tf32() -> None:
    asked: dict[str, Any] = {}
    library = SimpleNamespace(compile=lambda network, **options: asked.update(options) or network)
    network, inputs = nn.Linear(2, 2), [torch.zeros(1, 2)]
    assert build_engine(library, network, inputs, torch.float16) is network
    assert asked["enabled_precisions"] == {torch.float16}
    assert asked["disable_tf32"] is True
    assert asked["inputs"] is inputs


@pytest.mark.skipif(not without_gpu, reason="there is a GPU")
def test_without_a_gpu_it_says_so() -> None:
    assert "NVIDIA GPU" in (BACKEND.missing() or "")


@pytest.mark.gpu
@pytest.mark.skipif(without_gpu, reason="needs a CUDA device")
def test_logits_are_those_of_the_twin(
    thin: Callable[..., epam.EPAMNet], clips: Callable[..., Inputs]
) -> None:
    if missing := BACKEND.missing():
        pytest.skip(missing)
    model, inputs = thin(), clips()
    name, expected = reference_logits(model, [inputs])
    there = tuple(tensor.cuda() for tensor in inputs)
    request = Request(example_inputs=there, device=torch.device("cuda"), precision="fp16")
    call = BACKEND.prepare(model.cuda(), request).call
    assert check_equality(call, [there], reference=name, expected=expected, precision="fp16").holds
