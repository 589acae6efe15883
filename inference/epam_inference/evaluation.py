"""A split scored sample by sample, and its accuracies."""

from __future__ import annotations

from collections.abc import Callable

from epam.data.data_root import Split
from epam.data.pipelines import Pipeline
from epam.devices import compute_threads, cores_left_by
from epam.evaluation import Accuracy, ScoreTable, evaluate
from epam.evaluation.split_evaluation import score_split
from epam_baselines.network import Network
from epam_inference.results import ClassSet, Evaluation
from epam_inference.sample_lookup import BROKEN_JOINTS_TREATED, count_broken_joints
from epam_inference.stopwatch import Stopwatch


def evaluate_split(
    network: Network,
    split: Split,
    *,
    batch_size: int = 1,
    workers: int = 0,
    views: int = 1,
    stopwatch: Stopwatch | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> Evaluation:
    """Score the split's samples; Ctrl-C ends it early, and what was scored by then is kept.

    Args:
        network: asked for the scores.
        split: the samples.
        batch_size: clips a forward pass; the scores do not depend on it.
        workers: processes that prepare clips.
        views: clips of each video, whose logits are averaged.
        stopwatch: gave its seconds so far; they are told together with those of the evaluation.
        advance: called with how many samples were settled, scored or skipped, since the last call.

    Raises:
        InputError: logits that are not finite, or a device that has no room.
    """
    with compute_threads(cores_left_by(workers)):
        scores = score_split(
            network.module,
            split,
            Pipeline(network.spec.pipeline_kind, network.spec.clip_size),
            batch_size=batch_size,
            workers=workers,
            views=views,
            device=network.device,
            default_stream=network.default_stream,
            advance=advance,
        )
    protocol = split.protocol
    return Evaluation(
        annotations=split.origin,
        videos=str(split.videos) if split.videos else None,
        model=network.spec.name,
        classes=ClassSet(split.dataset, protocol.name, protocol.class_names),
        protocol=protocol.name if _is_of_protocol(split) else None,
        split=split.name,
        split_samples=len(split) + len(split.problems),
        table=scores.table,
        accuracy=_accuracy_by_stream(scores.table),
        skipped=scores.skipped,
        interrupted=scores.interrupted,
        views=views,
        checkpoint=network.checkpoint,
        seconds={**(stopwatch.seconds if stopwatch else {}), **scores.seconds},
        caveats=scores.caveats + _broken_joints_caveat(split) + network.caveats,
    )


def _is_of_protocol(split: Split) -> bool:
    """Whether the split's name, or the rule that parted a list, says that the samples are of the protocol."""
    if split.name is None:
        return split.protocol.part_rule is not None
    return any(split.name in names for names in split.protocol.split_names.values())


def _accuracy_by_stream(table: ScoreTable) -> dict[str, Accuracy]:
    if not len(table):
        return {}
    return {stream: evaluate(table.scores(stream), table.label_of) for stream in table.streams}


def _broken_joints_caveat(split: Split) -> tuple[str, ...]:
    annotations = (split.annotation(index) for index in range(len(split)))
    broken = {sample.frame_dir: count for sample in annotations if (count := count_broken_joints(sample))}
    if not broken:
        return ()
    return (
        f"{split.origin}: samples with a coordinate or score that is NaN or infinite: {len(broken)}, with "
        f"{sum(broken.values())} such joints, {BROKEN_JOINTS_TREATED}; the first: {next(iter(broken))}",
    )
