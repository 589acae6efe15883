"""A model of the catalogue as its records name it."""

from __future__ import annotations

from torch import nn

from epam_baselines import ModelSpec
from epam_bench.records import ModelCard


def describe_model(spec: ModelSpec, model: nn.Module, num_classes: int) -> ModelCard:
    """What a record says of the model that was measured; parameters are counted on the network."""
    return ModelCard(
        name=spec.name,
        title=spec.title,
        paper=spec.paper,
        year=spec.year,
        modalities=spec.modalities,
        inputs=dict(spec.inputs),
        clips=spec.clips,
        crops=spec.crops,
        num_classes=num_classes,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )
