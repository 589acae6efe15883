"""What each kind of network - both streams, RGB alone, pose alone - takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NetworkKind = Literal["multimodal", "rgb", "pose"]
Stream = Literal["fused", "rgb", "pose"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one kind of network is asked.

    Attributes:
        model: name in the catalogue of ``epam_baselines``.
        streams: the scores that the network gives, the one to rank by first.
        needs_video: whether a video is decoded.
        needs_person: whether a clip without a person has nothing for the network to look at; RGB
            alone falls back to the whole frame.
    """

    model: str
    streams: tuple[Stream, ...]
    needs_video: bool
    needs_person: bool


RECIPES: dict[NetworkKind, Recipe] = {
    "multimodal": Recipe(
        model="epam_net", streams=("fused", "rgb", "pose"), needs_video=True, needs_person=True
    ),
    "rgb": Recipe(model="x_shiftnet_rgb", streams=("rgb",), needs_video=True, needs_person=False),
    "pose": Recipe(model="x_shiftnet_pose", streams=("pose",), needs_video=False, needs_person=True),
}
