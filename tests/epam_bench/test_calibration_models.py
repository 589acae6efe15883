from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor, nn

from epam_baselines import example_inputs
from epam_bench.calibration import SLOWDOWN, SUBJECTS
from epam_bench.calibration_models import (
    Slowed,
    build_slowed_stream,
    build_thin_stream,
    specify,
)
from epam_bench.timing.model_lookup import describe_spec, find_spec


class Sleeper(nn.Module):
    def forward(self, clip: Tensor) -> Tensor:
        time.sleep(0.02)
        return clip


def test_a_slowed_model_gives_the_same_logits_later_by_a_share_of_what_they_took() -> None:
    slowed = build_slowed_stream().eval()
    assert isinstance(slowed, Slowed)
    assert slowed.share == SLOWDOWN
    clip = torch.randn(1, 17, 2, 32, 32)
    with torch.inference_mode():
        assert torch.equal(slowed(clip), slowed.network(clip))
    start = time.perf_counter()
    Slowed(Sleeper(), share=1.5)(clip)
    assert time.perf_counter() - start >= 2.5 * 0.02


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_process_of_its_own_finds_each_model_and_its_clip(name: str) -> None:
    spec = find_spec(describe_spec(specify(name, SUBJECTS[name], frames=2)))
    model = spec.build(num_classes=spec.num_classes).eval()
    (clip,) = example_inputs(spec)
    assert clip.shape == (1, 17, 2, 32, 32)
    with torch.inference_mode():
        assert model(clip).shape == (1, 60)


def test_the_model_and_itself_again_are_one_network() -> None:
    assert SUBJECTS["model"] == SUBJECTS["again"]
    assert sum(parameter.numel() for parameter in build_thin_stream().parameters()) > 0
