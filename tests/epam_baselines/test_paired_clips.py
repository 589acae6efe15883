from __future__ import annotations

import pytest
import torch

from epam.errors import InputError
from epam_baselines.paired_clips import require_paired_clips

RGB = (2, 3, 4, 32, 48)
HEATMAPS = (2, 17, 12, 8, 12)


def require(rgb: tuple[int, ...], heatmaps: tuple[int, ...]) -> None:
    require_paired_clips(
        torch.empty(rgb, device="meta"), torch.empty(heatmaps, device="meta"), frame_ratio=3, model="net"
    )


def test_clips_on_one_grid_pass() -> None:
    require(RGB, HEATMAPS)


@pytest.mark.parametrize(
    "heatmaps",
    [
        (1, 17, 12, 8, 12),
        (2, 16, 12, 8, 12),
        (2, 17, 16, 8, 12),
        (2, 17, 12, 12, 8),
        (2, 17, 12, 8),
    ],
    ids=["fewer clips", "fewer joints", "more frames", "turned", "no width"],
)
def test_heatmaps_that_do_not_belong_to_the_frames_are_refused(heatmaps: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"net: with such frames come heatmaps of \(2, 17, 12, 8, 12\), got"):
        require(RGB, heatmaps)


def test_frames_that_no_heatmap_fits_are_refused() -> None:
    with pytest.raises(InputError, match="net: height and width of frames must be divisible by 4"):
        require((2, 3, 4, 30, 48), HEATMAPS)


@pytest.mark.parametrize("rgb", [(2, 4, 4, 32, 48), (2, 3, 32, 48)])
def test_what_is_not_frames_is_refused(rgb: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"net: frames must be \(N, 3, T, H, W\)"):
        require(rgb, HEATMAPS)
