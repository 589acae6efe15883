"""Every model by name: to add one, import its file here and write one line."""

from __future__ import annotations

from pathlib import Path

from torch import nn

import epam
from epam.errors import UnknownNameError
from epam_baselines import (
    agcn,
    c3d,
    c3d_pose,
    csn,
    ctrgcn,
    epam_models,
    epam_net_v1,
    i3d,
    inception_i3d,
    mmnet,
    ms_g3d,
    pi_vit,
    posec3d,
    r2plus1d,
    rgbpose_conv3d,
    slowfast,
    slowonly,
    stgcn,
    stgcn_pp,
    timesformer,
    torchvision_models,
    tsm,
    tsn,
    videomae,
    vpn,
    x3d,
    x3d_pose,
)
from epam_baselines.custom_models import import_spec, is_import_path
from epam_baselines.plugins import load_plugins
from epam_baselines.specification import ModelSpec, Options, build_model

SPECS: tuple[ModelSpec, ...] = (
    epam_models.EPAM_NET,
    epam_models.X_SHIFTNET_RGB,
    epam_models.X_SHIFTNET_POSE,
    epam_net_v1.SPEC,
    # On both streams.
    rgbpose_conv3d.SPEC,
    vpn.SPEC,
    mmnet.SPEC,
    pi_vit.SPEC,
    # On heatmaps.
    posec3d.SPEC,
    c3d_pose.SPEC,
    x3d_pose.SPEC,
    x3d_pose.SHALLOW,
    # On skeletons.
    stgcn.SPEC,
    stgcn_pp.SPEC,
    agcn.ONE_STREAM_SPEC,
    agcn.SPEC,
    ctrgcn.SPEC,
    ms_g3d.SPEC,
    # On frames: convolutions in space and time,
    x3d.X3D_XS,
    x3d.X3D_S,
    x3d.SPEC,
    x3d.X3D_L,
    slowonly.SLOWONLY_R50_4X16,
    slowonly.SPEC,
    slowfast.SLOWFAST_R50_4X16,
    slowfast.SLOWFAST_R50_8X8,
    i3d.SPEC,
    inception_i3d.SPEC,
    csn.SPEC,
    r2plus1d.SPEC,
    c3d.SPEC,
    torchvision_models.R3D_18,
    torchvision_models.MC3_18,
    torchvision_models.R2PLUS1D_18,
    torchvision_models.S3D,
    # in space alone,
    tsn.SPEC,
    tsm.TSM_R50,
    tsm.TSM_MOBILENET_V2,
    # and attention.
    timesformer.SPEC,
    timesformer.SPEC_16F,
    videomae.SPEC,
    torchvision_models.MVIT_V2_S,
    torchvision_models.SWIN3D_T,
)


def list_models() -> list[str]:
    """Names of all models: EPAM-Net and its streams first, then the baselines, then those of plug-ins."""
    return [spec.name for spec in (*SPECS, *_plugin_specs())]


def model_spec(name: str) -> ModelSpec:
    """What is known of a model before it is built.

    Raises:
        UnknownNameError: no model has that name; the nearest are named.
    """
    for spec in SPECS:
        if spec.name == name:
            return spec
    for spec in _plugin_specs():
        if spec.name == name:
            return spec
    raise UnknownNameError("model", name, list_models())


def _plugin_specs() -> tuple[ModelSpec, ...]:
    """Models of installed plug-ins and of the folder that the environment names, but for broken ones."""
    return load_plugins({spec.name for spec in SPECS}).specs


def find_spec(text: str) -> ModelSpec:
    """A model of the catalogue by its name, or another by ``package.module:factory``.

    Raises:
        UnknownNameError: no model has that name, or the module has none of it.
        InputError: what cannot be imported, or is no :class:`ModelSpec`.
    """
    return import_spec(text) if is_import_path(text) else model_spec(text)


def create_model(
    name: str,
    num_classes: int | None = None,
    checkpoint: str | Path | None = None,
    options: Options | None = None,
) -> nn.Module:
    """Build a model on the current default device, in training mode.

    Args:
        name: one of :func:`list_models`, or ``package.module:factory`` (:func:`find_spec`).
        num_classes: width of the logits; by default that of the published checkpoint.
        checkpoint: file to load the weights from, strictly (:func:`epam.load_checkpoint`).
        options: changes to the model's options, as in ``{"attention": "none"}``.

    Raises:
        UnknownNameError: no model has that name, or the model no such option.
        InputError: fewer than one class, or an option's value that cannot be used.
        epam.errors.CheckpointError: the file is unreadable, unsafe, or not this model's.
    """
    model = build_model(find_spec(name), num_classes=num_classes, options=options)
    if checkpoint is not None:
        epam.load_checkpoint(model, checkpoint)
    return model
