from __future__ import annotations

import math

import pytest
import torch

from epam import EPAMLogits
from epam.errors import InputError
from epam.streams import stream_logits, training_losses

BOTH = EPAMLogits(rgb=torch.tensor([[1.0, 2.0]]), pose=torch.tensor([[5.0, -1.0]]))


def test_two_streams_give_three_scores_the_fused_one_first() -> None:
    streams = stream_logits(BOTH, default="rgb")
    assert {stream: logits.tolist() for stream, logits in streams.items()} == {
        "fused": [[6.0, 1.0]],
        "rgb": [[1.0, 2.0]],
        "pose": [[5.0, -1.0]],
    }
    assert next(iter(streams)) == "fused"


def test_one_stream_has_the_name_that_the_caller_gives_it() -> None:
    logits = torch.zeros(2, 3)
    assert stream_logits(logits, default="pose")["pose"] is logits


def test_the_losses_are_those_of_the_two_streams_and_not_of_their_sum() -> None:
    even = torch.zeros(4, 2)
    losses = training_losses(EPAMLogits(rgb=even, pose=torch.tensor([[0.0, 60.0]] * 4)), torch.ones(4).long())
    assert list(losses) == ["rgb", "pose"]
    assert losses["rgb"].item() == pytest.approx(math.log(2))  # one of two equal classes
    assert losses["pose"].item() == pytest.approx(0.0)


def test_half_precision_logits_have_a_float32_loss() -> None:
    [loss] = training_losses(torch.zeros(1, 60, dtype=torch.float16), torch.zeros(1).long()).values()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(60))


@pytest.mark.parametrize(
    ("output", "found"), [((torch.zeros(1, 2),), "tuple"), (torch.zeros(1, 2, 3), r"shape \(1, 2, 3\)")]
)
def test_what_is_not_logits_is_refused(output: object, found: str) -> None:
    with pytest.raises(InputError, match=f"returned {found}.*forward must return"):
        stream_logits(output, default="rgb")  # type: ignore[arg-type]
