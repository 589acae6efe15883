"""From annotation files and videos to the networks' inputs.

Names are imported when first used: the data sets' rules and the commands' ``--help`` need no PyTorch.
"""

from typing import TYPE_CHECKING

from epam.lazy_names import lazy_names

if TYPE_CHECKING:
    from epam.data.annotations import Annotation, load_annotations
    from epam.data.clip import Clip, prepare_clip, prepare_pose_clip, prepare_rgb_clip
    from epam.data.frame_sampling import sample_frames
    from epam.data.heatmaps import render_heatmaps
    from epam.data.normalisation import normalise_frames
    from epam.data.person_box import crop_frames, crop_keypoints, person_box
    from epam.data.video import DecodedVideo, decode_chosen_frames, decode_frames

_HOMES = {
    "Annotation": "epam.data.annotations",
    "Clip": "epam.data.clip",
    "DecodedVideo": "epam.data.video",
    "crop_frames": "epam.data.person_box",
    "crop_keypoints": "epam.data.person_box",
    "decode_chosen_frames": "epam.data.video",
    "decode_frames": "epam.data.video",
    "load_annotations": "epam.data.annotations",
    "normalise_frames": "epam.data.normalisation",
    "person_box": "epam.data.person_box",
    "prepare_clip": "epam.data.clip",
    "prepare_pose_clip": "epam.data.clip",
    "prepare_rgb_clip": "epam.data.clip",
    "render_heatmaps": "epam.data.heatmaps",
    "sample_frames": "epam.data.frame_sampling",
}

__all__ = [
    "Annotation",
    "Clip",
    "DecodedVideo",
    "crop_frames",
    "crop_keypoints",
    "decode_chosen_frames",
    "decode_frames",
    "load_annotations",
    "normalise_frames",
    "person_box",
    "prepare_clip",
    "prepare_pose_clip",
    "prepare_rgb_clip",
    "render_heatmaps",
    "sample_frames",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
