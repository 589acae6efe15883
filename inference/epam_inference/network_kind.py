"""What each kind of network - both streams, RGB alone, pose alone - is and needs."""

from __future__ import annotations

from typing import Literal

NetworkKind = Literal["multimodal", "rgb", "pose"]

DEFAULT_MODELS: dict[NetworkKind, str] = {
    "multimodal": "epam_net",
    "rgb": "x_shiftnet_rgb",
    "pose": "x_shiftnet_pose",
}
"""The model of the catalogue that is asked where nothing names another."""


def needs_video(kind: NetworkKind) -> bool:
    """Whether a video is decoded."""
    return kind != "pose"


def needs_person(kind: NetworkKind) -> bool:
    """Whether a clip without a person has nothing to look at; RGB alone falls back to the whole frame."""
    return kind != "rgb"
