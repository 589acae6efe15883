"""A request run: planned, refused early if it must be, answered and printed."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from epam.data.annotations import AnnotationFile, load_annotations
from epam.data.datasets import get_dataset
from epam.errors import InputError
from epam_inference.json_output import evaluation_json, prediction_json
from epam_inference.network import Network, load_network
from epam_inference.options import DEFAULT_BATCH_SIZE, DEFAULT_TOPK, ExitCode, Request
from epam_inference.prediction import predict
from epam_inference.results import ClassSet, Evaluation
from epam_inference.sample_lookup import check_exists, choose_clip, describe_wrong_label
from epam_inference.scores_file import check_scores_path, write_scores
from epam_inference.split_evaluation import EvaluationPlan, evaluate_plan, plan_evaluation
from epam_inference.stopwatch import Stopwatch
from epam_inference.terminal_output import print_caveats, print_evaluation, print_prediction


def run_request(request: Request, stopwatch: Stopwatch) -> ExitCode:
    """Predict or evaluate, print the result on stdout and its caveats on stderr.

    Returns:
        The exit code; that of an evaluation also tells whether samples were skipped, or it was
        interrupted. One without any scores at all is never a success.

    Raises:
        EpamError: something that the user gave cannot be used.
    """
    protocol = get_dataset(request.dataset).protocol(request.protocol)
    classes = ClassSet(request.dataset, request.protocol, protocol.class_names)
    if request.video:
        check_exists(request.video)
    request.check()
    annotations = _load_annotations(request, stopwatch)
    if request.is_evaluation:
        return _evaluate(request, classes, annotations, stopwatch)
    return _predict(request, classes, annotations, stopwatch)


def _predict(
    request: Request, classes: ClassSet, annotations: AnnotationFile | None, stopwatch: Stopwatch
) -> ExitCode:
    clip = choose_clip(request.kind, video=request.video, annotations=annotations, sample=request.sample)
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
        print_prediction(prediction, Console(), topk=topk)
    return ExitCode.DONE


def _evaluate(
    request: Request, classes: ClassSet, annotations: AnnotationFile | None, stopwatch: Stopwatch
) -> ExitCode:
    if annotations is None:
        raise InputError("an evaluation needs the keypoints and labels; give their file with --annotations")
    if request.scores:
        check_scores_path(request.scores)
    plan = plan_evaluation(request.kind, classes, annotations, split=request.split, video=request.video)
    network = _load_network(request, classes, stopwatch)
    evaluation = _evaluate_with_progress(request, network, classes, plan, stopwatch)
    print_caveats(evaluation.caveats, Console(stderr=True))
    if request.json:
        print(evaluation_json(evaluation))
    else:
        print_evaluation(evaluation, Console())
    if request.scores:
        write_scores(request.scores, evaluation)
    return _exit_code(evaluation, allow_missing=request.allow_missing)


def _load_annotations(request: Request, stopwatch: Stopwatch) -> AnnotationFile | None:
    if request.annotations is None:
        return None
    with stopwatch.step("annotations"):
        return load_annotations(request.annotations)


def _load_network(request: Request, classes: ClassSet, stopwatch: Stopwatch) -> Network:
    with stopwatch.step("load_model"):
        return load_network(
            request.kind,
            num_classes=len(classes.names),
            checkpoint=request.checkpoint,
            device=request.device,
            seed=request.seed,
        )


def _evaluate_with_progress(
    request: Request, network: Network, classes: ClassSet, plan: EvaluationPlan, stopwatch: Stopwatch
) -> Evaluation:
    columns = (TextColumn("evaluating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("evaluating", total=len(plan.samples))
        return evaluate_plan(
            network,
            classes,
            plan,
            batch_size=request.batch_size or DEFAULT_BATCH_SIZE,
            stopwatch=stopwatch,
            advance=lambda: progress.advance(task),
        )


def _exit_code(evaluation: Evaluation, *, allow_missing: bool) -> ExitCode:
    if evaluation.interrupted:
        return ExitCode.INTERRUPTED
    if not evaluation.scores or (evaluation.skipped and not allow_missing):
        return ExitCode.SKIPPED_SAMPLES
    return ExitCode.DONE
