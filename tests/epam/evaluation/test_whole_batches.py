"""A form of one batch size answers any number of clips, each by itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from epam.epam_net import EPAMLogits
from epam.evaluation.whole_batches import WholeBatches


class Strict:
    """Takes batches of three alone; the logits of a clip are its number and twice that."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, clips: Tensor) -> Tensor:
        assert clips.shape == (3, 1)
        self.calls += 1
        return torch.cat([clips, 2 * clips], dim=1)


@pytest.mark.parametrize(("count", "calls"), [(1, 1), (3, 1), (4, 2), (7, 3)])
def test_any_number_of_clips_is_answered_in_whole_batches(count: int, calls: int) -> None:
    form = Strict()
    clips = torch.arange(1.0, count + 1)[:, None]
    answers = WholeBatches(form, 3)(clips)
    assert answers.tolist() == [[number, 2 * number] for number in range(1, count + 1)]
    assert form.calls == calls


def test_both_streams_keep_their_names() -> None:
    def form(rgb: Tensor, pose: Tensor) -> EPAMLogits:
        return EPAMLogits(rgb=rgb + 1, pose=pose + 2)

    answers = WholeBatches(form, 2)(torch.zeros(3, 4), torch.zeros(3, 4))
    assert isinstance(answers, EPAMLogits)
    assert answers.rgb.shape == answers.pose.shape == (3, 4)
    assert answers.fused.eq(3).all()
