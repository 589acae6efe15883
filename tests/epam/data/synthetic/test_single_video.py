from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from epam.data.synthetic.single_video import draw_video
from epam.data.video import decode_frames
from epam.errors import InputError


def test_it_has_the_length_size_and_company_that_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "drawn.mp4"
    annotation = draw_video(path, frame_count=10, persons=3, size=(90, 160))
    decoded = decode_frames(path, np.array([0, 9]), expected_frames=10)
    assert decoded.frames.shape == (2, 90, 160, 3)
    assert decoded.frame_count == annotation.total_frames == 10
    assert annotation.keypoint.shape == (3, 10, 17, 2)
    assert annotation.img_shape == (360, 640)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"persons": 0}, "0 persons cannot be drawn; 1 to 20 can"),
        ({"frame_count": 1}, "1 frames cannot be drawn"),
        ({"size": (91, 160)}, "160 × 91 cannot be drawn; give even sides"),
        ({"action": 12}, "action 12 cannot be drawn"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw_video(tmp_path / "drawn.mp4", **{"frame_count": 10, **changes})  # type: ignore[arg-type]
