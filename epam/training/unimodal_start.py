"""The multimodal network started from trained networks of one stream; its attention stays fresh."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast

from torch import nn

from epam.checkpoints import load_checkpoint
from epam.errors import CheckpointError, InputError
from epam.training.trained_model import Parent, TrainedModel, read_trained_model
from epam.x_shiftnet import POSE_BLOCKS, RGB_BLOCKS, STEM_CHANNELS, ClassificationHead, XShiftNet

StreamName = Literal["pose", "rgb"]

DEFAULT_OPTIONS: Mapping[StreamName, Mapping[str, object]] = {
    "pose": {"stem_channels": STEM_CHANNELS, "stage_blocks": POSE_BLOCKS, "temporal_shift": True},
    "rgb": {"stem_channels": STEM_CHANNELS, "stage_blocks": RGB_BLOCKS, "temporal_shift": True},
}
"""What an option has that a manifest does not list, by the names of the networks of one stream."""


class _StreamOfPair(nn.Module):
    """One stream of a multimodal network, named as a network of that stream alone."""

    def __init__(self, model: nn.Module, stream: StreamName) -> None:
        super().__init__()
        self.stream = stream
        self.backbone = cast(XShiftNet, getattr(model, f"{stream}_backbone"))
        self.cls_head = cast(ClassificationHead, getattr(model, f"{stream}_cls_head"))

    @property
    def checkpoint_prefixes(self) -> Mapping[str, str]:
        return {f"{self.stream}_backbone.": "backbone.", f"{self.stream}_cls_head.": "cls_head."}

    @property
    def others(self) -> tuple[str, ...]:
        """Prefixes of what else a multimodal network's file holds."""
        other = "rgb" if self.stream == "pose" else "pose"
        return f"{other}_backbone.", f"{other}_cls_head.", "attention_module."


def start_from_unimodal(
    model: nn.Module,
    *,
    pose: Path | None,
    rgb: Path | None,
    dataset: str | None = None,
    protocol: str | None = None,
) -> tuple[Parent, ...]:
    """Load a trained pose network, a trained RGB network or both into the streams of ``model``.

    ::

        [module.][pose_]backbone.*  →  pose_backbone.*      [module.][pose_]cls_head.*  →  pose_cls_head.*
        [module.][rgb_]backbone.*   →  rgb_backbone.*       [module.][rgb_]cls_head.*   →  rgb_cls_head.*

    A multimodal network's file serves too: its other stream and its attention stay in the file.

    All weights of a stream's backbone and head are loaded, or an error says what does not fit; the
    published code loaded nothing, in silence, from files with ``module.backbone.``. Source of the
    mapping: the published training script.

    Args:
        model: with ``pose_backbone``, ``pose_cls_head``, ``rgb_backbone`` and ``rgb_cls_head``.
        pose: our safetensors of ``x_shiftnet_pose``, or a published ``.pth``; none starts fresh.
        rgb: likewise of ``x_shiftnet_rgb``.
        dataset: that ``model`` is about to be trained on. A parent whose manifest names another one,
            or another protocol, is refused: it may have seen the people that this one is tested on.
        protocol: likewise.

    Returns:
        What each stream started from, pose first.

    Raises:
        InputError: the model has not these two streams.
        CheckpointError: a file cannot be read, or is of another stream, size, class count or
            protocol. A stream that was loaded before the error stays loaded.
    """
    if not all(hasattr(model, f"{stream}_backbone") for stream in ("pose", "rgb")):
        raise InputError(
            f"{type(model).__name__} has no pose and RGB streams to start from unimodal weights; train "
            "epam_net, or give no unimodal weights"
        )
    parents = []
    for stream, path in (("pose", pose), ("rgb", rgb)):
        if path is not None:
            parents.append(
                _load_stream(_StreamOfPair(model, cast(StreamName, stream)), path, dataset, protocol)
            )
    return tuple(parents)


def _load_stream(part: _StreamOfPair, path: Path, dataset: str | None, protocol: str | None) -> Parent:
    manifest = read_trained_model(path)
    if manifest is not None:
        _check_manifest(manifest, part, path)
        _check_protocol(manifest, path, dataset, protocol)
    try:
        info = load_checkpoint(part, path, ignored_prefixes=part.others)
    except CheckpointError as error:
        raise CheckpointError(f"{part.stream} stream: {error}") from None
    return Parent(stream=part.stream, path=path.name, weights_sha256=info.weights_sha256)


def _check_manifest(manifest: TrainedModel, part: _StreamOfPair, path: Path) -> None:
    """Refuse by the facts, before the weights' shapes would tell the same less clearly."""
    expected = f"x_shiftnet_{part.stream}"
    if manifest.model in {"x_shiftnet_pose", "x_shiftnet_rgb"} - {expected}:
        raise CheckpointError(
            f"{path}: weights of {manifest.model}, and the {part.stream} stream starts from {expected}; give "
            "that network's file"
        )
    classes = part.cls_head.fc_cls.out_features
    if manifest.num_classes != classes:
        raise CheckpointError(
            f"{path}: trained for {manifest.num_classes} classes ({manifest.dataset} {manifest.protocol}), "
            f"and the network to be trained has {classes}; start from weights for these"
        )
    if manifest.model in (expected, "epam_net"):
        _check_options(manifest, part, path)


def _check_options(manifest: TrainedModel, part: _StreamOfPair, path: Path) -> None:
    """Compare what shapes the network, and the shift, of which the weights' shapes tell nothing."""
    for name, default in DEFAULT_OPTIONS[part.stream].items():
        told = f"{part.stream}_blocks" if (name, manifest.model) == ("stage_blocks", "epam_net") else name
        ours, theirs = getattr(part.backbone, name), manifest.options.get(told, default)
        if theirs != ours:
            raise CheckpointError(
                f"{path}: trained with {name} = {theirs}, and the {part.stream} stream to be trained has "
                f"{name} = {ours}; give both the same options"
            )


def _check_protocol(manifest: TrainedModel, path: Path, dataset: str | None, protocol: str | None) -> None:
    trained, wanted = (manifest.dataset, manifest.protocol), (dataset, protocol)
    if None not in wanted and trained != wanted:
        raise CheckpointError(
            f"{path}: trained on {' '.join(trained)}, which may hold the people that {dataset} {protocol} "
            f"tests on; start from weights trained on {dataset} {protocol}"
        )
