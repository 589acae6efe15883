from __future__ import annotations

import pytest
import torch

from epam.backends.backend import Request
from epam.backends.eager import BACKEND
from epam.backends.equality import check_equality, reference_logits


def test_in_float32_the_logits_are_the_networks_own(thin, clips) -> None:
    model, inputs = thin(), clips(2)
    with torch.no_grad():
        wanted = model(*inputs)
    got = BACKEND.prepare(model, Request(example_inputs=inputs)).call(*inputs)
    assert torch.equal(got.rgb, wanted.rgb)  # type: ignore[union-attr]
    assert torch.equal(got.pose, wanted.pose)  # type: ignore[union-attr]


def test_bf16_takes_half_the_bytes_and_is_near(thin, clips) -> None:
    model, inputs = thin(), [clips(2)]
    name, expected = reference_logits(model, inputs)
    whole = BACKEND.prepare(model, Request(example_inputs=inputs[0])).weights_bytes
    prepared = BACKEND.prepare(model, Request(example_inputs=inputs[0], precision="bf16"))
    equality = check_equality(prepared.call, inputs, reference=name, expected=expected, precision="bf16")
    assert equality.holds
    assert equality.relative_error > 1e-5
    # But for the norms' counts of batches, which stay integers.
    assert prepared.weights_bytes == pytest.approx((whole or 0) / 2, rel=0.05)
