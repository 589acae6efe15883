"""One drawn video of any length, size and company, with its keypoints: something to measure on."""

from __future__ import annotations

from pathlib import Path

from epam.data.annotations import Annotation
from epam.data.datasets import get_dataset
from epam.data.synthetic.actions import ACTIONS
from epam.data.synthetic.scene import stage
from epam.data.synthetic.surroundings import IMAGE_SIZE
from epam.data.synthetic.video_file import write_video
from epam.errors import InputError

MOST_PERSONS, FEWEST_FRAMES, MOST_FRAMES = 20, 10, 9000


def draw_video(
    path: Path,
    *,
    frame_count: int,
    persons: int = 1,
    size: tuple[int, int] = IMAGE_SIZE,
    action: int = 0,
    seed: int = 0,
) -> Annotation:
    """Write a video of whole frames; the same for the same arguments.

    Args:
        path: an ``.mp4``.
        frame_count: 30 of them are a second.
        persons: in every frame.
        size: height and width of the frames, both even; the keypoints' image is 360 × 640 whatever it is.
        action: class of what the first person does.
        seed: of everything that is left to chance.

    Returns:
        What is found of the people, sample ``S001C001P001R001A001`` for action 0.

    Raises:
        InputError: a number that cannot be drawn.
    """
    _check(frame_count, persons, size, action)
    name = f"S001C001P001R001A{action + 1:03}"
    parse_name = get_dataset("embedded").parse_name
    assert parse_name is not None
    scene = stage(parse_name(name), seed, frame_count=frame_count, person_count=persons)
    height, width = IMAGE_SIZE
    write_video(path, scene.film((0, 0, width, height), size), size=size)
    return Annotation(name, action, IMAGE_SIZE, frame_count, scene.keypoint, scene.keypoint_score)


def _check(frame_count: int, persons: int, size: tuple[int, int], action: int) -> None:
    if not 1 <= persons <= MOST_PERSONS:
        raise InputError(f"{persons} persons cannot be drawn; 1 to {MOST_PERSONS} can")
    if not FEWEST_FRAMES <= frame_count <= MOST_FRAMES:
        raise InputError(
            f"a video of {frame_count} frames cannot be drawn; {FEWEST_FRAMES} to {MOST_FRAMES} frames can"
        )
    if min(size) < 16 or max(size) > 4096 or size[0] % 2 or size[1] % 2:
        raise InputError(
            f"frames of {size[1]} × {size[0]} cannot be drawn; give even sides between 16 and 4096"
        )
    if not 0 <= action < len(ACTIONS):
        raise InputError(f"action {action} cannot be drawn; 0 to {len(ACTIONS) - 1} can")
