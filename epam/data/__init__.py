"""From annotation files and videos to the networks' inputs."""

from epam.data.annotations import Annotation, load_annotations
from epam.data.clip import Clip, normalise_frames, prepare_clip, prepare_pose_clip, prepare_rgb_clip
from epam.data.frame_sampling import sample_frames
from epam.data.heatmaps import render_heatmaps
from epam.data.person_box import crop_frames, crop_keypoints, person_box
from epam.data.video import DecodedVideo, decode_chosen_frames, decode_frames

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
