"""Scores of a whole split: every sample once, by however many processes, workers and batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from epam.data.clip_dataset import ClipBatch, ClipDataset, SkippedSample
from epam.data.data_root import Split
from epam.data.epoch_batches import ExactBatches
from epam.data.loader import make_loader
from epam.data.pipelines import Pipeline
from epam.errors import InputError
from epam.evaluation.distributed_gather import gather_from_all
from epam.evaluation.score_table import ScoreTable
from epam.streams import stream_logits

Precision = Literal["fp32", "bf16", "fp16", "int8"]

_AUTOCAST: dict[Precision, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitScores:
    """What became of every sample of a split.

    Attributes:
        table: those that were scored, in the split's order.
        skipped: those that could not be: the split's problems first, then by name. With ``table``
            they are the whole split, unless the run was interrupted.
        caveats: sentences that the scores must not be read without.
        interrupted: Ctrl-C ended the run early.
        seconds: wall clock by step, of the slowest process: ``load`` (waiting for clips), ``network``.
        views: clips of each video that the logits are the mean of.
    """

    table: ScoreTable
    skipped: tuple[SkippedSample, ...]
    caveats: tuple[str, ...]
    interrupted: bool
    seconds: Mapping[str, float]
    views: int


def score_split(
    module: nn.Module,
    split: Split,
    pipeline: Pipeline,
    *,
    batch_size: int = 1,
    workers: int = 0,
    views: int = 1,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - immutable
    precision: Precision = "fp32",
    default_stream: str | None = None,
    rank: int = 0,
    world_size: int = 1,
    refuse_empty_pose: bool = True,
    advance: Callable[[int], object] = lambda _: None,
) -> SplitScores:
    """Score the samples of a split; every process gets the scores of all.

    The module is put into evaluation mode and back. How many compute threads it has is the
    caller's affair (:func:`epam.devices.cores_left_by`).

    Args:
        module: on ``device``; returns (N, classes) logits, or both streams'.
        split: the samples.
        pipeline: in test mode.
        batch_size: clips a forward pass in one process, views included.
        workers: processes that prepare clips for this one.
        views: clips of each video; their logits are averaged.
        device: of the module.
        precision: other than ``fp32``: what autocast computes in.
        default_stream: name of the stream of a network that has one; by default what the pipeline
            feeds it, ``fused`` for both.
        rank: which of the processes this is.
        world_size: how many there are, in a process group that has been started.
        refuse_empty_pose: skip samples of which the pose stream would see nothing.
        advance: called with the number of samples that this process has settled since the last
            call. It may raise ``KeyboardInterrupt``, which does what Ctrl-C does: the run ends, and
            what all processes have scored by then is returned.

    Raises:
        InputError: logits that are not finite (names the sample) or not of the split's classes, a
            pipeline that trains, too little memory, or any of these in another process.
    """
    if pipeline.augmentation is not None:
        raise InputError("an evaluation needs a pipeline in test mode, without augmentation")
    dataset = ClipDataset(split, pipeline, views=views, refuse_empty_pose=refuse_empty_pose)
    batches = ExactBatches(len(split), batch_size=batch_size, rank=rank, world_size=world_size)
    loader = make_loader(dataset, batches, workers=min(workers, len(batches)), device=device)
    network = _Network(
        module=module,
        device=device,
        precision=precision,
        default_stream=default_stream or ("fused" if pipeline.kind == "multimodal" else pipeline.kind),
        num_classes=split.protocol.num_classes,
        batch_size=batch_size,
        views=views,
    )
    share = _Share()
    failure: Exception | None = None
    try:
        with _evaluation_mode(module):
            _score_batches(network, iter(loader), share, advance)
    except KeyboardInterrupt:
        share.interrupted = True
    # The others wait for this process's share: they are told, and then it fails here.
    except Exception as error:
        failure, share.failure = error, str(error)
    shares = gather_from_all(share, world_size=world_size)
    if failure is not None:
        raise failure
    return _merge(shares, split, views)


@dataclass(frozen=True, eq=False)
class _ScoredBatch:
    indices: list[int]
    labels: list[int]
    logits: dict[str, NDArray[np.float32]]
    skipped: list[SkippedSample]
    caveats: list[str]


@dataclass(eq=False)
class _Share:
    """What one process has done."""

    batches: list[_ScoredBatch] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: {"load": 0.0, "network": 0.0})
    interrupted: bool = False
    failure: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Network:
    """Answers batches of videos with logits by stream, clips split into passes that fit."""

    module: nn.Module
    device: torch.device
    precision: Precision
    default_stream: str
    num_classes: int
    batch_size: int
    views: int

    def score(self, batch: ClipBatch) -> dict[str, NDArray[np.float32]]:
        """``(N, …)`` inputs, ``(N, views, …)`` of several views → (N, classes) by stream."""
        inputs = [stream.flatten(0, 1) if self.views > 1 else stream for stream in batch.inputs]
        parts = zip(*(stream.split(self.batch_size) for stream in inputs), strict=True)
        answers = [self._forward(clips) for clips in parts]
        logits = {stream: torch.cat([answer[stream] for answer in answers]) for stream in answers[0]}
        means = {stream: rows.unflatten(0, (-1, self.views)).mean(dim=1) for stream, rows in logits.items()}
        for rows in means.values():
            self._check(rows, batch)
        return {stream: rows.cpu().numpy() for stream, rows in means.items()}

    def _forward(self, clips: tuple[Tensor, ...]) -> dict[str, Tensor]:
        try:
            with torch.autocast(
                self.device.type, _AUTOCAST.get(self.precision), enabled=self.precision in _AUTOCAST
            ):
                output = self.module(*(stream.to(self.device, non_blocking=True) for stream in clips))
        except torch.OutOfMemoryError:
            raise InputError(
                f"no memory for {len(clips[0])} clips on {self.device}; give a smaller --batch-size"
            ) from None
        streams = stream_logits(output, default=self.default_stream)
        for logits in streams.values():
            if len(logits) != len(clips[0]):
                raise InputError(f"the network gave {len(logits)} rows of logits for {len(clips[0])} clips")
        return {stream: logits.float() for stream, logits in streams.items()}

    def _check(self, rows: Tensor, batch: ClipBatch) -> None:
        if rows.shape[1] != self.num_classes:
            raise InputError(
                f"the network has {rows.shape[1]} classes, and the split's protocol has {self.num_classes}; "
                "choose the data set that it was trained on"
            )
        finite = rows.isfinite().all(dim=1).tolist()
        if not all(finite):
            raise InputError(
                f"sample {batch.samples[finite.index(False)]}: the network's logits are NaN or infinite; "
                "check the checkpoint's training, or the precision"
            )


def _score_batches(
    network: _Network, batches: Iterator[ClipBatch], share: _Share, advance: Callable[[int], object]
) -> None:
    while True:
        started = time.perf_counter()
        batch = next(batches, None)
        loaded = time.perf_counter()
        share.seconds["load"] += loaded - started
        if batch is None:
            return
        logits = network.score(batch) if len(batch) else {}
        share.seconds["network"] += time.perf_counter() - loaded
        # In one step, so that Ctrl-C finds a batch either whole or not at all.
        share.batches.append(
            _ScoredBatch(batch.indices, batch.labels.tolist(), logits, batch.skipped, batch.caveats)
        )
        advance(len(batch) + len(batch.skipped))


@contextmanager
def _evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Every part in evaluation mode and without gradients; afterwards each in the mode that it had."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for part, training in modes:
            part.training = training


def _merge(shares: list[_Share], split: Split, views: int) -> SplitScores:
    for rank, share in enumerate(shares):
        if share.failure:
            raise InputError(f"process {rank} of {len(shares)} failed: {share.failure}")
    batches = [batch for share in shares for batch in share.batches]
    table = _table_of([batch for batch in batches if batch.indices], split)
    found = sorted((sample for batch in batches for sample in batch.skipped), key=lambda one: one.sample)
    interrupted = any(share.interrupted for share in shares)
    if not interrupted and len(table) + len(found) != len(split):
        raise RuntimeError(f"{len(table)} samples scored and {len(found)} skipped, of {len(split)}")
    problems = [SkippedSample(name, "malformed sample", message) for name, message in split.problems]
    return SplitScores(
        table=table,
        skipped=(*problems, *found),
        caveats=split.caveats + _video_caveat([caveat for batch in batches for caveat in batch.caveats]),
        interrupted=interrupted,
        seconds={step: max(share.seconds[step] for share in shares) for step in shares[0].seconds},
        views=views,
    )


def _table_of(batches: list[_ScoredBatch], split: Split) -> ScoreTable:
    """All rows in the split's order; the table refuses a sample that came twice."""
    if not batches:
        return ScoreTable((), np.zeros(0, dtype=np.int64), {})
    indices = np.concatenate([batch.indices for batch in batches])
    order = np.argsort(indices)
    return ScoreTable(
        samples=tuple(split.sample_name(index) for index in indices[order].tolist()),
        labels=np.concatenate([batch.labels for batch in batches])[order],
        streams={
            stream: np.concatenate([batch.logits[stream] for batch in batches])[order]
            for stream in batches[0].logits
        },
    )


def _video_caveat(disagreements: list[str]) -> tuple[str, ...]:
    if not disagreements:
        return ()
    return (
        f"videos that do not agree with their annotation, and were used: {len(disagreements)}; "
        f"such as: {min(disagreements)}",
    )
