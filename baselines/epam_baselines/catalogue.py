"""Every model by name: to add one, import its file here and write one line."""

from __future__ import annotations

from pathlib import Path

from torch import nn

import epam
from epam.errors import InputError, UnknownNameError
from epam_baselines import c3d, epam_models, posec3d, slowonly, timesformer, torchvision_models, x3d
from epam_baselines.model_spec import ModelSpec

SPECS: tuple[ModelSpec, ...] = (
    epam_models.EPAM_NET,
    epam_models.X_SHIFTNET_RGB,
    epam_models.X_SHIFTNET_POSE,
    posec3d.SPEC,
    x3d.SPEC,
    slowonly.SPEC,
    c3d.SPEC,
    timesformer.SPEC,
    torchvision_models.R3D_18,
    torchvision_models.MC3_18,
    torchvision_models.R2PLUS1D_18,
    torchvision_models.S3D,
    torchvision_models.MVIT_V2_S,
    torchvision_models.SWIN3D_T,
)


def list_models() -> list[str]:
    """Names of all models: EPAM-Net and its streams first, then the baselines."""
    return [spec.name for spec in SPECS]


def model_spec(name: str) -> ModelSpec:
    """What is known of a model before it is built.

    Raises:
        UnknownNameError: no model has that name; the nearest are named.
    """
    for spec in SPECS:
        if spec.name == name:
            return spec
    raise UnknownNameError("model", name, list_models())


def create_model(
    name: str, num_classes: int | None = None, checkpoint: str | Path | None = None
) -> nn.Module:
    """Build a model on the current default device, in training mode.

    Args:
        name: one of :func:`list_models`.
        num_classes: width of the logits; by default that of the published checkpoint.
        checkpoint: file to load the weights from, strictly (:func:`epam.load_checkpoint`).

    Raises:
        UnknownNameError: no model has that name.
        InputError: fewer than one class.
        epam.errors.CheckpointError: the file is unreadable, unsafe, or not this model's.
    """
    spec = model_spec(name)
    classes = spec.num_classes if num_classes is None else num_classes
    if classes < 1:
        raise InputError(f"{name}: {classes} classes; at least 1 is needed")
    model = spec.build(num_classes=classes)
    if checkpoint is not None:
        epam.load_checkpoint(model, checkpoint)
    return model
