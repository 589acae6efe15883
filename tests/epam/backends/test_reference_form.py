from __future__ import annotations

import torch
from torch import nn

import epam
from epam.backends.backend import Request
from epam.backends.reference_form import BACKEND
from epam.reference import build_twin


def test_the_logits_are_the_twins(thin, clips) -> None:
    model, inputs = thin(), clips(2)
    with torch.no_grad():
        wanted = build_twin(model)(*inputs)
    got = BACKEND.prepare(model, Request(example_inputs=inputs)).call(*inputs)
    assert torch.equal(got.rgb, wanted.rgb)  # type: ignore[union-attr]


def test_networks_without_a_twin_are_refused_with_another_way(thin) -> None:
    assert BACKEND.refuses(thin()) is None
    assert BACKEND.refuses(epam.x_shiftnet_pose(3)) is None
    assert "another; use backend eager" in (BACKEND.refuses(thin("non_local")) or "")
    assert "no reference twin for Linear" in (BACKEND.refuses(nn.Linear(1, 1)) or "")
