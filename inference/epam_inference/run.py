"""A request run: planned, refused early if it must be, answered and printed."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from epam.data.annotations import load_annotations
from epam.data.data_root import DataLocation, Split, find_protocol, open_split
from epam.errors import InputError
from epam_baselines.network import Network, choose_network
from epam_inference.evaluation import evaluate_split
from epam_inference.json_output import evaluation_json, prediction_json
from epam_inference.network import load_network
from epam_inference.network_kind import DEFAULT_MODELS, needs_video
from epam_inference.options import DEFAULT_BATCH_SIZE, DEFAULT_TOPK, ExitCode, PredictRequest, Request
from epam_inference.prediction import predict
from epam_inference.results import ClassSet, Evaluation
from epam_inference.sample_lookup import (
    ChosenClip,
    check_exists,
    choose_clip,
    choose_prepared_clip,
    describe_wrong_label,
)
from epam_inference.scores_file import check_scores_path, write_scores
from epam_inference.stopwatch import Stopwatch
from epam_inference.streaming.stream_request import run_stream
from epam_inference.terminal_output import Output, print_caveats, print_evaluation, print_prediction


def run_predict(request: PredictRequest, stopwatch: Stopwatch) -> int:
    """Watch a stream, or predict or evaluate with the network that the model or checkpoint is.

    Returns:
        The exit code, as that of :func:`run_request`; 143 where SIGTERM ended a stream.

    Raises:
        EpamError: something that the user gave cannot be used.
    """
    request.check()
    if request.stream is not None:
        return run_stream(request)
    choice = choose_network(
        request.model, checkpoint=request.checkpoint, default_model=DEFAULT_MODELS["multimodal"]
    )
    return run_request(request.without_stream(choice.spec.pipeline_kind), stopwatch)


def run_request(request: Request, stopwatch: Stopwatch) -> ExitCode:
    """Predict or evaluate, print the result on stdout and its caveats on stderr.

    Returns:
        The exit code; that of an evaluation also tells whether samples were skipped, or it was
        interrupted. One without any scores at all is never a success.

    Raises:
        EpamError: something that the user gave cannot be used.
    """
    location = request.location
    protocol = find_protocol(location)
    classes = ClassSet(request.dataset, request.protocol, protocol.class_names)
    if request.video:
        check_exists(request.video)
    request.check()
    if request.is_evaluation:
        return _evaluate(request, classes, location, stopwatch)
    return _predict(request, classes, stopwatch)


def _predict(request: Request, classes: ClassSet, stopwatch: Stopwatch) -> ExitCode:
    clip = _choose_clip(request, stopwatch)
    if clip.annotation and clip.origin:
        problem = describe_wrong_label(clip.annotation, len(classes.names), origin=clip.origin)
        if problem:
            raise InputError(problem)
    network = _load_network(request, classes, stopwatch)
    prediction = predict(network, classes, clip, stopwatch=stopwatch)
    print_caveats(prediction.caveats, Console(stderr=True))
    topk = request.topk or DEFAULT_TOPK
    if request.json:
        print(prediction_json(prediction, topk=topk))
    else:
        print_prediction(prediction, Output(), topk=topk)
    return ExitCode.DONE


def _choose_clip(request: Request, stopwatch: Stopwatch) -> ChosenClip:
    kind, video, sample = request.kind, request.video, request.sample
    if request.root:
        with stopwatch.step("annotations"):
            return choose_prepared_clip(
                kind, root=request.root, dataset=request.dataset, video=video, sample=sample
            )
    annotations = None
    if request.annotations:
        with stopwatch.step("annotations"):
            annotations = load_annotations(request.annotations)
    return choose_clip(kind, video=video, annotations=annotations, sample=sample)


def _evaluate(request: Request, classes: ClassSet, location: DataLocation, stopwatch: Stopwatch) -> ExitCode:
    if not (request.annotations or request.root):
        raise InputError(
            "an evaluation needs the keypoints and labels; give their file with --annotations, or a prepared "
            "folder with --root"
        )
    if request.scores:
        check_scores_path(request.scores)
    with stopwatch.step("annotations"):
        split = open_split(location, "test", needs_videos=needs_video(request.kind))
    network = _load_network(request, classes, stopwatch)
    evaluation = _evaluate_with_progress(request, network, split, stopwatch)
    print_caveats(evaluation.caveats, Console(stderr=True))
    try:
        # First, and whatever becomes of it: of file and terminal one may be full or gone.
        if request.scores:
            write_scores(request.scores, evaluation)
    finally:
        _tell(evaluation, request)
    return _exit_code(evaluation, allow_missing=request.allow_missing)


def _tell(evaluation: Evaluation, request: Request) -> None:
    if request.json:
        print(evaluation_json(evaluation))
    else:
        print_evaluation(evaluation, Output())


def _load_network(request: Request, classes: ClassSet, stopwatch: Stopwatch) -> Network:
    with stopwatch.step("load_model"):
        return load_network(
            request.kind,
            classes,
            model=request.model,
            checkpoint=request.checkpoint,
            device=request.device,
            seed=request.seed,
        )


def _evaluate_with_progress(
    request: Request, network: Network, split: Split, stopwatch: Stopwatch
) -> Evaluation:
    columns = (TextColumn("evaluating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("evaluating", total=len(split))
        return evaluate_split(
            network,
            split,
            batch_size=request.batch_size or DEFAULT_BATCH_SIZE,
            workers=request.workers or 0,
            views=request.views or 1,
            stopwatch=stopwatch,
            advance=lambda settled: progress.advance(task, settled),
        )


def _exit_code(evaluation: Evaluation, *, allow_missing: bool) -> ExitCode:
    if evaluation.interrupted:
        return ExitCode.INTERRUPTED
    if not evaluation.evaluated_samples or (evaluation.skipped and not allow_missing):
        return ExitCode.SKIPPED_SAMPLES
    return ExitCode.DONE
