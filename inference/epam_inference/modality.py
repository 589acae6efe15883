"""What each way of asking - both streams, RGB alone, pose alone - needs and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Modality = Literal["multimodal", "rgb", "pose"]
Stream = Literal["fused", "rgb", "pose"]


@dataclass(frozen=True, kw_only=True)
class ModalityNeeds:
    """One modality's network, inputs and outputs.

    Attributes:
        model: name in the catalogue of ``epam_baselines``.
        streams: the scores that the network gives, the one to rank by first.
        video: whether a video is decoded.
        person: whether a clip without a person has nothing for the network to look at; RGB alone
            falls back to the whole frame.
    """

    model: str
    streams: tuple[Stream, ...]
    video: bool
    person: bool


MODALITIES: dict[Modality, ModalityNeeds] = {
    "multimodal": ModalityNeeds(model="epam_net", streams=("fused", "rgb", "pose"), video=True, person=True),
    "rgb": ModalityNeeds(model="x_shiftnet_rgb", streams=("rgb",), video=True, person=False),
    "pose": ModalityNeeds(model="x_shiftnet_pose", streams=("pose",), video=False, person=True),
}
