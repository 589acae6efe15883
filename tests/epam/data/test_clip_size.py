import pytest

from epam.data.clip_size import PAPER_SIZE, ClipSize
from epam.errors import InputError


def test_the_papers_rgb_stream_sees_every_third_pose_frame() -> None:
    assert (PAPER_SIZE.rgb_frames, PAPER_SIZE.frame_side) == (16, 224)
    assert (PAPER_SIZE.pose_frames, PAPER_SIZE.heatmap_side) == (48, 56)
    assert PAPER_SIZE.rgb_stride == 3


@pytest.mark.parametrize("field", ["rgb_frames", "frame_side", "pose_frames", "heatmap_side"])
def test_a_clip_without_frames_or_pixels_is_refused(field: str) -> None:
    with pytest.raises(InputError, match=f"clip size: {field} is 0; it must be at least 1"):
        ClipSize(**{field: 0})


def test_streams_that_cannot_see_the_same_moments_are_refused_only_when_both_are_used() -> None:
    size = ClipSize(rgb_frames=7)
    with pytest.raises(InputError, match="48 pose frames for 7 RGB frames"):
        _ = size.rgb_stride
