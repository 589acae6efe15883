"""How long and how large a clip is: the paper's size, or a smaller one for small machines."""

from __future__ import annotations

from dataclasses import dataclass, fields

from epam.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ClipSize:
    """Frames and pixels of what the two streams see.

    Attributes:
        rgb_frames: frames of the RGB stream.
        frame_side: their height and width, in pixels.
        pose_frames: frames of the pose stream.
        heatmap_side: the heatmaps' height and width, in pixels.
    """

    rgb_frames: int = 16
    frame_side: int = 224
    pose_frames: int = 48
    heatmap_side: int = 56

    def __post_init__(self) -> None:
        for field in fields(self):
            if (value := getattr(self, field.name)) < 1:
                raise InputError(f"clip size: {field.name} is {value}; it must be at least 1")

    @property
    def rgb_stride(self) -> int:
        """Pose frames from one RGB frame to the next, where both streams see the same clip.

        Raises:
            InputError: the pose frames are not a multiple of the RGB frames.
        """
        if self.pose_frames % self.rgb_frames:
            raise InputError(
                f"clip size: {self.pose_frames} pose frames for {self.rgb_frames} RGB frames; the streams "
                "look at the same moments, so that the first must be a multiple of the second"
            )
        return self.pose_frames // self.rgb_frames


PAPER_SIZE = ClipSize()
"""What EPAM-Net was trained with: 16 × 224², and 48 × 56² (paper, section III)."""
