"""What is known of a model before it is built: paper, inputs, views, class count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import nn

Modality = Literal["rgb", "pose"]


class Builder(Protocol):
    """Builds the network with fresh weights, in training mode, on the current default device."""

    def __call__(self, *, num_classes: int) -> nn.Module:
        """Return the network; ``num_classes`` is the width of its logits."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One row of the catalogue.

    Attributes:
        name: what is typed on the command line.
        title: what a table prints.
        paper: authors, venue and year of the model's source.
        year: year of that paper.
        modalities: which streams of data it sees.
        inputs: shape of each input without the batch dimension, by name, in the order of
            ``forward``; ``(channels, frames, height, width)``.
        clips: temporal clips a video that the published accuracy averages over.
        crops: spatial crops a clip that it averages over.
        num_classes: classes of the published checkpoint; the default of ``create_model``.
        build: makes the network.
    """

    name: str
    title: str
    paper: str
    year: int
    modalities: tuple[Modality, ...]
    inputs: Mapping[str, tuple[int, ...]]
    clips: int
    crops: int
    num_classes: int
    build: Builder

    @property
    def views(self) -> int:
        """Forward passes a video behind the published accuracy: clips × crops."""
        return self.clips * self.crops
