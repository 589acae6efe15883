from __future__ import annotations

import torch

from epam_bench.timing.training_step import build_evaluation_call, build_training_call


def test_step_moves_the_weights_but_hardly() -> None:
    model = build_lively_tiny()
    inputs = (torch.randn(2, 2, 2, 3, 5), torch.ones(2, 1, 1, 1, 1))
    before = model.fc.weight.detach().clone()  # type: ignore[union-attr]
    step = build_training_call(model, inputs, num_classes=6, precision="fp32")
    assert model.training
    step()
    step()
    moved = (model.fc.weight - before).abs().max()  # type: ignore[union-attr,operator]
    assert 0 < moved < 1e-4


def test_logits_are_compared_in_evaluation_mode_and_half_precision_is_autocast() -> None:
    model = build_lively_tiny().train()
    inputs = (torch.randn(2, 2, 2, 3, 5), torch.ones(2, 1, 1, 1, 1))
    exact = build_evaluation_call(model, "fp32")(*inputs)
    half = build_evaluation_call(model, "bf16")(*inputs)
    assert not model.training
    assert exact.dtype == torch.float32
    assert 0 < (exact - half).abs().max() < 0.1


def build_lively_tiny() -> torch.nn.Module:
    from torch import nn

    class Tiny(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc, self.dropout = nn.Conv3d(2, 4, 1), nn.Linear(4, 6), nn.Dropout(0.5)

        def forward(self, clip: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.fc(self.dropout(self.conv(clip).mean(dim=(2, 3, 4)))) * gain.mean()
            return logits

    return Tiny()
