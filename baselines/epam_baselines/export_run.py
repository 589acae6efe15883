"""What an export is of: a network with its weights, the clips that its file is tried with, its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from epam.backends.backend import DTYPES, Inputs, Precision
from epam.backends.equality import Equality
from epam.backends.export import ExportFormat, ExportRequest, find_format
from epam.backends.export_card import CardEquality, CardFile, CardInput, CardOutput, ExportCard
from epam.backends.export_check import blocked_packages
from epam.backends.exported_network import Export, check_request, describe_versions, export_network
from epam.checkpoints import hash_weights
from epam.data.clip_size import ClipSize
from epam.data.data_root import DataLocation, find_protocol, hash_class_names
from epam.data.datasets import get_dataset
from epam.data.normalisation import RGB_MEAN, RGB_STD
from epam.data.person_crop import CROP_SIDE
from epam.data.pipelines import Pipeline
from epam.data.store import hash_file
from epam.errors import CheckpointError, InputError, UnknownNameError
from epam.streams import stream_logits
from epam.training.trained_model import read_trained_model
from epam_baselines.calibration_clips import batched, load_calibration_clips
from epam_baselines.inputs import example_inputs, parse_clip, with_clip
from epam_baselines.network import Network, NetworkChoice, choose_network, load_network
from epam_baselines.specification import ModelSpec

TRIED_CLIPS = 4
"""How many inputs the written file is tried with, a batch each."""

_MEANINGS = {
    "rgb": (
        "Axes: clip, colour (red, green, blue), frame, row, column. Grey levels of 0 to 255, less the mean "
        f"{RGB_MEAN} and over the deviation {RGB_STD} of each colour: about -2.1 to 2.6."
    ),
    "heatmaps": (
        "Axes: clip, joint, frame, row, column. The 17 joints of COCO, 0 to 1: a Gaussian of 0.6 pixels' "
        "deviation around each joint, as high as its score; of several people the larger."
    ),
}

_OTHER_MEANING = "As the network's paper has it."

_BOX = (
    "A box is the square around the joints of all people in all frames that it is of: it has their centre, "
    "and its side is 1.25 times the larger of their width and height. A coordinate of 0 is no joint's; where "
    "there is nobody, or all are less than 10 pixels wide or high together, the box is the whole image."
)
"""As :func:`epam.data.person_box.person_box` finds it; a test holds the two together."""

_CROP = (
    "RGB: cut the frames to the box of all frames of the video, not only of those taken, less what is "
    "outside the image, and stretch that to {crop}. Frames of {cut} × {cut} pixels are such a cut already."
)

_PREPARATION = {
    "multimodal": (
        "Take one frame of each of {pose} equal parts of the video (drawn, always the same) for the "
        "heatmaps, and one in {stride} of them for RGB.",
        _BOX,
        _CROP,
        "Heatmaps: stretch the box of the {pose} frames taken, less what is outside the image, to "
        "{map} × {map}.",
    ),
    "pose": (
        "Take one frame of each of {pose} equal parts of the video (drawn, always the same).",
        _BOX,
        "Heatmaps: scale the box of the {pose} frames taken, which may reach outside the image, to "
        "{map} × {map}.",
    ),
    "rgb": (
        "Take one frame of each of {rgb} equal parts of the video (drawn, always the same).",
        _BOX,
        _CROP,
    ),
}

_EXACT = "In Python: epam.data.pipelines.Pipeline({kind!r}, …) of this project does exactly that."

_LICENCE = (
    "The program that wrote this file is under the Apache License 2.0. The weights in it are not thereby: "
    "they are under the terms of whoever trained them and of the data that they were trained on{data}."
)


@dataclass(frozen=True, kw_only=True)
class ExportPlan:
    """What is about to be exported; every part has been checked, and nothing slow has been done.

    Attributes:
        form: of the file.
        path: of the file.
        choice: the network.
        batch_size: clips a call of the file.
        class_names: in the order of the logits; empty where they are not known.
        location: where clips to calibrate int8 with are; none in other precisions.
        calibration_clips: how many.
    """

    form: ExportFormat
    path: Path
    precision: Precision
    choice: NetworkChoice
    batch_size: int
    class_names: tuple[str, ...]
    location: DataLocation | None
    calibration_clips: int


def plan_export(
    model: str | None,
    *,
    to: str,
    path: Path,
    checkpoint: Path | None = None,
    clip: str | None = None,
    precision: str = "fp32",
    batch_size: int = 1,
    location: DataLocation | None = None,
    calibration_clips: int = 64,
) -> ExportPlan:
    """Settle network, file and classes, and refuse what contradicts itself.

    Args:
        model: a name of the catalogue or ``package.module:factory``; none: as the checkpoint says.
        to: name of the format.
        path: of the file.
        checkpoint: the weights; none: random ones.
        clip: another size, as :func:`epam_baselines.inputs.parse_clip` reads it.
        precision: of the file.
        batch_size: clips a call.
        location: the data set whose classes the network tells apart, and for int8 where its clips are;
            none: what the checkpoint was trained on.
        calibration_clips: how many int8 is calibrated with.

    Raises:
        EpamError: an unknown name, a missing file or library, or a contradiction.
    """
    form = find_format(to)
    if precision not in DTYPES:
        raise UnknownNameError("precision", precision, DTYPES)
    check_request(form, path, precision)
    if checkpoint is not None and not checkpoint.exists():
        raise InputError(f"{checkpoint}: no such checkpoint")
    if model is None and (checkpoint is None or read_trained_model(checkpoint) is None):
        raise InputError(
            f"{checkpoint or 'no checkpoint'}: nothing says which network it is of; name it, as in "
            "epam-export epam_net (epam-bench models lists them all)"
        )
    if batch_size < 1:
        raise InputError(f"batch size {batch_size}: at least 1 is needed")
    if precision == "int8" and location is None:
        raise InputError(
            "int8 is calibrated on real clips: say where they are with --root (and --dataset and --protocol, "
            "where the checkpoint does not tell)"
        )
    choice = _choose(model, checkpoint, clip, location)
    return ExportPlan(
        form=form,
        path=path,
        precision=precision,
        choice=choice,
        batch_size=batch_size,
        class_names=_class_names(choice, location),
        location=location if precision == "int8" else None,
        calibration_clips=calibration_clips,
    )


def carry_out(plan: ExportPlan) -> Export:
    """Build the network, write its file, try it, and put it in its place with its card.

    Raises:
        EpamError: weights that are not the network's, no clips to calibrate with, or a file whose logits
            are not the network's; nothing is left behind.
    """
    checkpoint = plan.choice.checkpoint
    # Of what is no file, loading says so.
    checkpoint_sha256 = hash_file(checkpoint) if checkpoint and checkpoint.is_file() else None
    network = load_network(plan.choice)
    _check_manifest(network)
    clips = _clips(plan)
    with torch.inference_mode():
        streams = stream_logits(network.module(*clips.tried[0]), default="single")
    request = ExportRequest(
        example_inputs=clips.tried[0],
        input_names=tuple(plan.choice.spec.inputs),
        output_names=("rgb_logits", "pose_logits") if "fused" in streams else ("logits",),
        precision=plan.precision,
        calibration=clips.calibration,
        metadata={"model": plan.choice.spec.name, "classes": "\n".join(plan.class_names)},
    )

    def make_card(files: tuple[CardFile, ...], facts: dict[str, str], equality: Equality) -> ExportCard:
        # A training that goes on may have put its next weights there.
        if checkpoint and hash_file(checkpoint) != checkpoint_sha256:
            raise CheckpointError(
                f"{checkpoint}: became another file while it was exported; export a copy of it"
            )
        return _card(
            plan,
            network,
            request,
            clips,
            checkpoint_sha256=checkpoint_sha256,
            files=files,
            facts=facts,
            equality=equality,
        )

    return export_network(
        network.module, plan.form, plan.path, request, clips=clips.tried, make_card=make_card
    )


def _check_manifest(network: Network) -> None:
    """Refuse weights whose metrics the card would not quote: the manifest was read before them."""
    manifest, checkpoint = network.manifest, network.checkpoint
    if manifest and checkpoint and manifest.weights_sha256 != checkpoint.weights_sha256:
        raise CheckpointError(
            f"{checkpoint.path}: holds other weights than its manifest was read for; a training that goes on "
            "replaces both: export a copy of the two files"
        )


@dataclass(frozen=True, kw_only=True)
class _Clips:
    """What a file is calibrated and tried with, a batch each.

    Attributes:
        origin: of those that it is tried with, in words.
        calibrated_on: of the others; none where nothing is calibrated.
        caveats: what must be said of that.
    """

    tried: tuple[Inputs, ...]
    origin: str
    calibration: tuple[Inputs, ...] = ()
    calibrated_on: str | None = None
    caveats: tuple[str, ...] = ()


def _clips(plan: ExportPlan) -> _Clips:
    spec, size = plan.choice.spec, plan.batch_size
    if plan.location is None:
        drawn = tuple(example_inputs(spec, size, seed=seed) for seed in range(TRIED_CLIPS))
        return _Clips(tried=drawn, origin="drawn at random")
    wanted = plan.calibration_clips + TRIED_CLIPS * size
    pipeline = Pipeline(spec.pipeline_kind, spec.clip_size)
    found = load_calibration_clips(plan.location, pipeline, wanted)
    batches = batched(found.clips, size)
    if len(batches) < 2:
        raise InputError(f"{found.origin}: too few to calibrate and try batches of {size}")
    kept = min(TRIED_CLIPS, len(batches) // 2)
    return _Clips(
        tried=batches[-kept:],
        origin=f"of {found.source}, not among those that it was calibrated with",
        calibration=batches[:-kept],
        calibrated_on=f"{size * (len(batches) - kept)} of {found.origin}",
        caveats=found.caveats,
    )


def _choose(
    model: str | None, checkpoint: Path | None, clip: str | None, location: DataLocation | None
) -> NetworkChoice:
    def choose(size: ClipSize | None) -> NetworkChoice:
        return choose_network(
            model,
            checkpoint=checkpoint,
            dataset=location.dataset if location else None,
            protocol=location.protocol if location else None,
            num_classes=find_protocol(location).num_classes if location else None,
            clip=size,
        )

    choice = choose(None)
    return choose(with_clip(choice.spec, *parse_clip(clip)).clip_size) if clip else choice


def _class_names(choice: NetworkChoice, location: DataLocation | None) -> tuple[str, ...]:
    """Names in the order of the logits, as far as somebody says what the network tells apart.

    Raises:
        InputError: names that the user gives and the network was not trained with.
    """
    manifest = choice.manifest
    given = None if location is None else find_protocol(location).class_names
    if manifest is None:
        return given or ()
    if given is not None and hash_class_names(given) == manifest.label_map_sha256:
        return given
    if location is not None and location.class_names is not None:
        raise InputError(
            f"{location.class_names}: these are not the class names that {choice.checkpoint} was trained "
            "with, or not in that order; give --class-names the file of the training, or --num-classes in "
            "its place: the card then has no names"
        )
    if not get_dataset(manifest.dataset).protocols:
        return ()
    names = get_dataset(manifest.dataset).protocol(manifest.protocol).class_names
    # Names that have changed since the training are none of the network's.
    return names if hash_class_names(names) == manifest.label_map_sha256 else ()


def _card(
    plan: ExportPlan,
    network: Network,
    request: ExportRequest,
    clips: _Clips,
    *,
    checkpoint_sha256: str | None,
    files: tuple[CardFile, ...],
    facts: dict[str, str],
    equality: Equality,
) -> ExportCard:
    spec, manifest, checkpoint = network.spec, network.manifest, network.checkpoint
    trained_on = f"{manifest.dataset} {manifest.protocol}" if manifest else None
    return ExportCard(
        model=spec.name,
        title=spec.title,
        paper=spec.paper,
        format=plan.form.name,
        format_facts=facts,
        precision=plan.precision,
        files=files,
        inputs=tuple(
            CardInput(name=name, shape=tuple(tensor.shape), meaning=_MEANINGS.get(name, _OTHER_MEANING))
            for name, tensor in zip(request.input_names, request.example_inputs, strict=True)
        ),
        outputs=tuple(
            CardOutput(name=name, shape=(plan.batch_size, network.num_classes))
            for name in request.output_names
        ),
        classes=plan.class_names,
        trained_on=trained_on,
        checkpoint=checkpoint.path.name if checkpoint else None,
        checkpoint_sha256=checkpoint_sha256,
        weights_sha256=checkpoint.weights_sha256 if checkpoint else hash_weights(network.module.state_dict()),
        metrics=manifest.metrics if manifest else {},
        preparation=_preparation(spec),
        calibration=clips.calibrated_on,
        equality=CardEquality(
            reference=equality.reference,
            inputs=clips.origin,
            clips=equality.clips,
            relative_error=equality.relative_error,
            bound=equality.bound,
            top1_agreement=equality.top1_agreement,
            without=blocked_packages(plan.form),
        ),
        caveats=(*network.caveats, *clips.caveats),
        licence=_LICENCE.format(data=f", {trained_on}" if trained_on else ""),
        versions=describe_versions(),
        loading=plan.form.loading,
        libraries=plan.form.libraries,
    )


def _preparation(spec: ModelSpec) -> tuple[str, ...]:
    """How a video becomes the network's inputs; nothing of networks that no pipeline of ours feeds."""
    try:
        kind, size = spec.pipeline_kind, spec.clip_size
    except InputError:
        return ()
    side, crop = size.frame_side, f"{CROP_SIDE} × {CROP_SIDE} pixels"
    words = {
        "rgb": size.rgb_frames,
        "pose": size.pose_frames,
        "cut": CROP_SIDE,
        "crop": crop if size.frame_side == CROP_SIDE else f"{crop}, and those to {side} × {side}",
        "map": size.heatmap_side,
        "stride": size.pose_frames // size.rgb_frames,
    }
    steps = (step.format(**words) for step in _PREPARATION[kind])
    return (*steps, _EXACT.format(kind=kind))
