from __future__ import annotations

import pytest
import torch

from epam.temporal_shift import temporal_shift


def clip_of_frame_numbers(frames: int, channels: int = 4, clips: int = 1) -> torch.Tensor:
    """Every pixel of frame t is t + 1, plus 10 for each further clip."""
    numbers = torch.arange(1.0, frames + 1) + 10 * torch.arange(clips)[:, None]
    return numbers.reshape(-1, 1, 1, 1).expand(-1, channels, 2, 2)


def test_first_fold_takes_the_next_frame_second_the_previous_rest_stay() -> None:
    shifted = temporal_shift(clip_of_frame_numbers(4), frames=4, fold=1)
    assert shifted[:, 0, 0, 0].tolist() == [2, 3, 4, 0]
    assert shifted[:, 1, 0, 0].tolist() == [0, 1, 2, 3]
    assert shifted[:, 2, 0, 0].tolist() == [1, 2, 3, 4]
    assert shifted[:, 3, 1, 1].tolist() == [1, 2, 3, 4]


def test_clips_of_a_batch_do_not_leak_into_each_other() -> None:
    shifted = temporal_shift(clip_of_frame_numbers(3, clips=2), frames=3, fold=1)
    assert shifted[:, 0, 0, 0].tolist() == [2, 3, 0, 12, 13, 0]
    assert shifted[:, 1, 0, 0].tolist() == [0, 1, 2, 0, 11, 12]


def test_single_frame_has_no_neighbours() -> None:
    shifted = temporal_shift(clip_of_frame_numbers(1), frames=1, fold=2)
    assert shifted[0, :, 0, 0].tolist() == [0, 0, 0, 0]


def test_fold_of_nothing_changes_nothing() -> None:
    clip = torch.randn(6, 5, 2, 2)
    assert torch.equal(temporal_shift(clip, frames=3, fold=0), clip)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_gradient_goes_back_to_the_frame_that_a_value_came_from(frames: int) -> None:
    clip = torch.randn(frames, 4, 1, 1, requires_grad=True)
    temporal_shift(clip, frames=frames, fold=1).sum().backward()
    assert clip.grad is not None
    # The first frame's first fold leaves the clip, as does the last frame's second fold.
    assert clip.grad[:, 0, 0, 0].tolist() == [0.0] + [1.0] * (frames - 1)
    assert clip.grad[:, 1, 0, 0].tolist() == [1.0] * (frames - 1) + [0.0]


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_the_gradient_is_the_shift_the_other_way(frames: int) -> None:
    x = torch.randn(2 * frames, 7, 3, 3, dtype=torch.float64, requires_grad=True)

    def shift(x: torch.Tensor) -> torch.Tensor:
        return temporal_shift(x, frames=frames, fold=2)

    # Against differences, and once more for the gradient's own gradient.
    assert torch.autograd.gradcheck(shift, x)
    assert torch.autograd.gradgradcheck(shift, x)
    with torch.no_grad():
        without_gradient = shift(x)
    assert torch.equal(shift(x), without_gradient)


def test_with_a_gradient_the_order_of_memory_stays() -> None:
    x = torch.randn(4, 8, 3, 3).contiguous(memory_format=torch.channels_last).requires_grad_()
    shifted = temporal_shift(x, frames=2, fold=2)
    shifted.sum().backward()
    assert shifted.is_contiguous(memory_format=torch.channels_last)
    assert x.grad is not None
    assert x.grad[:, 4:].eq(1).all()
