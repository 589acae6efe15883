"""A stream as the command line asks for it: planned, refused early if it must be, watched and told."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from epam.backends import check_backend, find_backend
from epam.data.annotations import Annotation, load_annotations
from epam.data.data_root import DataLocation, find_protocol
from epam.data.person_crop import CROP_SIDE
from epam.data.pipelines import Pipeline
from epam.data.pose_estimation import PoseEstimator, load_pose_estimator, missing_for_poses
from epam.devices import check_device, compute_threads
from epam.errors import InputError
from epam.training.stop_signals import Stopped, StopSignals
from epam_baselines.calibration_clips import CalibrationClips, load_calibration_clips, open_training_part
from epam_baselines.inputs import example_inputs
from epam_baselines.network import Network, NetworkChoice, choose_network, load_network, with_fast_form
from epam_inference.network import tell_other_names
from epam_inference.network_kind import DEFAULT_MODELS, NetworkKind, needs_person
from epam_inference.options import DEFAULT_TOPK, PredictRequest
from epam_inference.results import ClassSet
from epam_inference.sample_lookup import (
    choose_clip,
    choose_prepared_clip,
    describe_wrong_label,
    sample_names,
)
from epam_inference.streaming.decision import Decision
from epam_inference.streaming.frame_source import FrameSource, is_file, open_source
from epam_inference.streaming.stream_output import (
    decision_json,
    decision_line,
    summary_json,
    summary_lines,
)
from epam_inference.streaming.watching import StreamOutcome, WindowDecider, watch
from epam_inference.streaming.window_people import (
    AnnotatedPeople,
    EstimatedPeople,
    UnknownPeople,
    WindowPeople,
)
from epam_inference.terminal_output import print_caveats

DEFAULT_WINDOW, DEFAULT_STRIDE = "3s", "1s"

NUM_CALIBRATION_CLIPS = 64
"""As many as ``epam-export`` and ``epam-bench accuracy`` take unless told otherwise."""

LONGEST_WINDOW_FRAMES = 3600
"""Two minutes at 30 frames a second; 5.4 GB of frames of 1280 × 720, which are held as they are decoded."""

_LENGTH = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(s|f|)\s*")


def run_stream(request: PredictRequest) -> int:
    """Watch the stream; decisions and, at the end, the summary are printed on stdout, caveats on stderr.

    Returns:
        0 at the stream's end; 130 or 143 if Ctrl-C or SIGTERM ended it.

    Raises:
        EpamError: something that the user gave cannot be used, or the stream went wrong; what was
            decided on by then, and the summary, have been printed.
    """
    try:
        with StopSignals() as stop:
            protocol = find_protocol(request.location)
            classes = ClassSet(request.dataset, request.protocol, protocol.class_names)
            network = _load(request, classes)
            threads = request.threads or torch.get_num_threads()
            with compute_threads(threads):
                outcome = _watch(request, network, classes, stop, threads)
            if outcome.problem is not None:
                raise outcome.problem
            stop.leave()
    except Stopped as stopped:
        return stopped.exit_status
    return 0


def _load(request: PredictRequest, classes: ClassSet) -> Network:
    """The network, unless what is asked of it cannot be done."""
    backend, precision = request.backend or "fused", request.precision or "fp32"
    check_backend(find_backend(backend), precision=precision, device=check_device(request.device))
    if precision == "int8" and not request.calibration_root:
        raise InputError(
            "--precision int8: needs real clips to find the ranges of its numbers; name a folder that "
            "epam-data prepare or synth made with --calibration-root, or choose another precision"
        )
    choice = choose_network(
        request.model,
        checkpoint=request.checkpoint,
        dataset=classes.dataset,
        protocol=classes.protocol,
        num_classes=len(classes.names),
        default_model=DEFAULT_MODELS["multimodal"],
    )
    choice = tell_other_names(choice, classes)
    _check_people(choice.spec.pipeline_kind, request)
    if request.calibration_root:
        open_training_part(_calibration_location(request), _pipeline(choice))
    return load_network(choice, device=request.device, seed=request.seed)


def _pipeline(network: NetworkChoice | Network) -> Pipeline:
    return Pipeline(network.spec.pipeline_kind, network.spec.clip_size)


def _calibration_location(request: PredictRequest) -> DataLocation:
    """Where int8 finds its clips, which is not where the stream's people are."""
    return replace(request.location, root=request.calibration_root, annotations=())


def _load_calibration(request: PredictRequest, network: Network) -> CalibrationClips | None:
    """Clips of other videos than the one that is watched; none where nothing is calibrated."""
    if not request.calibration_root:
        return None
    watched = {*sample_names(Path(request.stream or "")), request.sample or ""}
    return load_calibration_clips(
        _calibration_location(request), _pipeline(network), NUM_CALIBRATION_CLIPS, apart_from=watched
    )


def _check_people(kind: NetworkKind, request: PredictRequest) -> None:
    assert request.stream is not None
    if request.poses and (missing := missing_for_poses(request.poses)):
        raise InputError(f"--poses {request.poses}: {missing}")
    annotated = request.annotations or request.root
    if annotated and not is_file(request.stream):
        raise InputError(
            "--annotations and --root: only for a file; a camera's people are found with --poses"
        )
    if annotated and request.poses:
        raise InputError(
            "--poses and --annotations or --root: both say where the people are; give one of them"
        )
    if needs_person(kind) and not annotated and not request.poses:
        missing = missing_for_poses("rtmlib")
        install = f" ({missing})" if missing else ""
        own = "give them with --annotations, " if is_file(request.stream) else ""
        raise InputError(
            f"a network of kind {kind} needs keypoints: {own}find them with --poses rtmlib{install}, or "
            "watch with --model x_shiftnet_rgb, which needs none"
        )


def _watch(
    request: PredictRequest, network: Network, classes: ClassSet, stop: StopSignals, threads: int
) -> StreamOutcome:
    assert request.stream is not None
    annotation, caveats = _find_annotation(request, network.spec.pipeline_kind, classes)
    # A file is looked at before anything slow. A camera is opened last: what it saw meanwhile would
    # wait in its driver, and pass for new.
    ready = None if is_file(request.stream) else _get_ready(network, request, threads)
    source = open_source(
        request.stream,
        paced=not request.no_pace,
        expected_frames=annotation.total_frames if annotation else None,
    )
    window = parse_length("--window", request.window or DEFAULT_WINDOW, source.frames_per_second)
    stride = parse_length("--stride", request.stride or DEFAULT_STRIDE, source.frames_per_second)
    estimator, fast = ready or _get_ready(network, request, threads)
    people, told = _choose_people(annotation, estimator, source.size)
    gaps = _describe_gaps(window, stride)
    print_caveats((*caveats, *told, *gaps, *fast.caveats), Console(stderr=True))
    topk = request.topk or DEFAULT_TOPK

    def tell(decision: Decision) -> None:
        show = decision_json if request.json else decision_line
        print(show(decision, classes, topk=topk), flush=True)
        if not decision.is_whole:
            short = f"only {decision.last_frame + 1} frames came, not a window's {window}: decided on these"
            print_caveats((short,), Console(stderr=True))

    with stop.deferred():
        outcome = watch(
            source,
            WindowDecider(fast, people, origin=source.name),
            window_frames=window,
            stride_frames=stride,
            on_decision=tell,
            stopped=lambda: stop.requested,
        )
        _tell_summary(outcome, source, annotation, as_json=request.json)
    return outcome


def _get_ready(
    network: Network, request: PredictRequest, threads: int
) -> tuple[PoseEstimator | None, Network]:
    """Everything that takes time, and needs no frame."""
    estimator = load_pose_estimator(request.poses, device=request.device) if request.poses else None
    return estimator, _make_fast(network, request, threads)


def _describe_gaps(window: int, stride: int) -> tuple[str, ...]:
    if stride <= window:
        return ()
    return (
        f"a stride of {stride} frames is longer than a window of {window}: {stride - window} frames between "
        "two windows are never looked at",
    )


def parse_length(option: str, text: str, frames_per_second: float) -> int:
    """``3s``, ``3`` or ``90f`` as frames, at least one.

    Raises:
        InputError: not a length, or one that is too short or too long.
    """
    match = _LENGTH.fullmatch(text)
    if not match:
        raise InputError(f"{option} {text!r}: write seconds, as 3s, or frames, as 90f")
    number, unit = float(match[1]), match[2]
    frames = number if unit == "f" else number * frames_per_second
    # Rounded only after: of enough digits it is infinite.
    if not 0.5 < frames < LONGEST_WINDOW_FRAMES + 0.5:
        raise InputError(
            f"{option} {text!r}: is {frames:.4g} frames of this stream; give 1 to {LONGEST_WINDOW_FRAMES}"
        )
    return round(frames)


def _find_annotation(
    request: PredictRequest, kind: NetworkKind, classes: ClassSet
) -> tuple[Annotation | None, tuple[str, ...]]:
    if not (request.annotations or request.root):
        return None, ()
    video = Path(request.stream or "")
    clip = (
        choose_prepared_clip(
            kind, root=request.root, dataset=request.dataset, video=video, sample=request.sample
        )
        if request.root
        else choose_clip(
            kind,
            video=video,
            annotations=load_annotations(_given(request.annotations)),
            sample=request.sample,
        )
    )
    annotation = clip.annotation
    assert annotation is not None
    if clip.origin and (problem := describe_wrong_label(annotation, len(classes.names), origin=clip.origin)):
        raise InputError(problem)
    return annotation, clip.caveats


def _given(path: Path | None) -> Path:
    assert path is not None
    return path


def _choose_people(
    annotation: Annotation | None, estimator: PoseEstimator | None, size: tuple[int, int]
) -> tuple[WindowPeople, tuple[str, ...]]:
    if annotation is not None:
        return AnnotatedPeople(annotation), ()
    if estimator is not None:
        return EstimatedPeople(estimator, size), (
            f"keypoints are found by {estimator.name}, and not by the estimator that the network was trained "
            "with",
        )
    if size == (CROP_SIDE, CROP_SIDE):
        return UnknownPeople(size), ()
    return UnknownPeople(size), (
        "nobody knows where the people are: the network sees whole frames, pressed into a square, and was "
        "trained on crops around people; give --annotations or --poses",
    )


def _make_fast(network: Network, request: PredictRequest, threads: int) -> Network:
    """The network in its backend, warmed up, so that the first decision is like the others.

    Its caveats tell what int8 was calibrated on.
    """
    calibration = _load_calibration(request, network)
    fast = with_fast_form(
        network,
        backend=request.backend or "fused",
        precision=request.precision or "fp32",  # type: ignore[arg-type]  # it was checked
        threads=threads,
        calibration=calibration.clips if calibration else (),
    )
    fast.score([tensor[0] for tensor in example_inputs(network.spec)])
    if calibration is None:
        return fast
    told = (f"int8 calibrated on {calibration.origin}", *calibration.caveats)
    return replace(fast, caveats=(*fast.caveats, *told))


def _tell_summary(
    outcome: StreamOutcome, source: FrameSource, annotation: Annotation | None, *, as_json: bool
) -> None:
    summary = outcome.summary
    lines = [summary_json(summary)] if as_json else ["", *summary_lines(summary)]
    print("\n".join(lines), flush=True)
    if source.damaged_frames:
        damaged = f"{source.name}: {source.damaged_frames} damaged frames were passed over"
        print_caveats((damaged,), Console(stderr=True))
    if annotation is not None and summary.frames > annotation.total_frames:
        longer = (
            f"{source.name}: has more frames than its annotation says, {annotation.total_frames}: the "
            "windows behind that had nobody in them; is it the right video?"
        )
        print_caveats((longer,), Console(stderr=True))
