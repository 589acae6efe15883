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
        parameters=_parameters(model),
        head_parameters=_head_parameters(spec, model),
        frame_interval=spec.frame_interval,
        notes=spec.notes,
    )


def _parameters(*parts: nn.Module) -> int:
    """Of all parts together; what two share counts once."""
    shared = {id(parameter): parameter for part in parts for parameter in part.parameters()}
    return sum(parameter.numel() for parameter in shared.values())


def _head_parameters(spec: ModelSpec, model: nn.Module) -> int | None:
    """Parameters of the parts that the spec calls the head; none where the network has no such parts."""
    parts = dict(model.named_modules(remove_duplicate=False))
    if not spec.head or not all(path in parts for path in spec.head):
        return None
    return _parameters(*(parts[path] for path in spec.head))
