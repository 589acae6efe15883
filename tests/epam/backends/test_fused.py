from __future__ import annotations

import pytest
import torch

import epam
from epam.backends import fused
from epam.backends.backend import Request
from epam.backends.equality import check_equality, reference_logits
from epam.backends.fused import BACKEND
from epam.backends.packed_convolution import has_bf16


def error_of(model, inputs, precision="fp32") -> tuple[float, str]:
    name, expected = reference_logits(model, [inputs])
    prepared = BACKEND.prepare(model, Request(example_inputs=inputs, precision=precision))
    equality = check_equality(prepared.call, [inputs], reference=name, expected=expected, precision=precision)
    assert equality.holds
    assert prepared.weights_bytes
    return equality.relative_error, " ".join(prepared.notes)


@pytest.mark.parametrize("attention", ["nested", "none", "compressed", "non_local"])
def test_every_attention(attention, thin, clips) -> None:
    assert error_of(thin(attention), clips(2))[0] < 1e-5


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_stream_by_itself_in_every_precision_of_the_processor(precision, lively) -> None:
    if precision == "bf16" and not has_bf16():
        assert "bf16" not in BACKEND.precisions["cpu"]
        pytest.skip("this processor has no bf16")
    model = lively(epam.x_shiftnet_pose(5, stem_channels=8, stage_blocks=(2, 1))).eval()
    error, _ = error_of(model, (torch.rand(2, 17, 3, 16, 16),), precision)
    assert error < (1e-5 if precision == "fp32" else 5e-2)


def test_without_onednn_the_frame_major_form_runs_and_says_so(thin, clips, monkeypatch) -> None:
    monkeypatch.setattr(fused, "can_pack", lambda dtype: False)
    error, notes = error_of(thin(), clips(2))
    assert error < 1e-5
    assert "oneDNN's fused operations are not to be had here" in notes


def test_any_network_is_folded_and_its_format_found_by_trial(convolutional) -> None:
    error, notes = error_of(convolutional, (torch.randn(2, 3, 4, 6, 6),))
    assert error < 1e-5
    assert "2 batch norms folded" in notes
    assert "contiguous" in notes
    assert "channels-last" in notes


def test_inputs_in_any_order_of_memory_give_the_same_logits(thin, clips) -> None:
    model, (rgb, heatmaps) = thin(), clips(2)
    call = BACKEND.prepare(model, Request(example_inputs=(rgb, heatmaps))).call
    other = rgb.contiguous(memory_format=torch.channels_last_3d), heatmaps.transpose(1, 2).contiguous()
    again = call(other[0], other[1].transpose(1, 2))
    assert torch.allclose(again.rgb, call(rgb, heatmaps).rgb, atol=1e-6)  # type: ignore[union-attr]
