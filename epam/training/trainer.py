"""A training run from its present step to its last: steps, epochs, evaluations, and what is saved when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn

from epam.data.clip_dataset import ClipBatch, SkippedSample
from epam.errors import InputError
from epam.training.checkpoint_folder import CheckpointFolder, Which
from epam.training.distributed import Processes
from epam.training.epoch_evaluation import Evaluation
from epam.training.gradient_steps import GradientSteps, StepOutcome, TrainingDiverged
from epam.training.progress_display import ProgressDisplay
from epam.training.run_log import Kind, RunLog
from epam.training.schedule import Schedule
from epam.training.step_randomness import seed_step
from epam.training.trained_model import TrainedModel
from epam.training.training_state import BestModel, EpochSums, TrainingFacts, collect_tensors, facts_as_json


class ManifestWriter(Protocol):
    """Describes the network as it is now."""

    def __call__(self, *, epoch: int, step: int, metrics: Mapping[str, float]) -> TrainedModel:
        """The manifest; its hash of the weights is set by whoever saves them."""


@dataclass(frozen=True, kw_only=True)
class RunData:
    """Where batches and judgements come from.

    Attributes:
        batches: all batches of the run from a step on, of this process.
        evaluate: scores the evaluated split; calls its second argument with the samples just settled.
        evaluated_samples: how many this process has to settle.
    """

    batches: Callable[[int], Iterable[ClipBatch]]
    evaluate: Callable[[nn.Module, Callable[[int], None]], Evaluation]
    evaluated_samples: int


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """What the first process writes.

    Attributes:
        folder: states and models.
        log: one line an event.
        describe: makes the manifests of the models.
    """

    folder: CheckpointFolder
    log: RunLog
    describe: ManifestWriter


@dataclass(frozen=True, kw_only=True)
class Cadence:
    """When what happens, beside training.

    Attributes:
        evaluate_every: epochs; the last epoch is evaluated always.
        save_every_steps: a state is saved at least this often; 0: at the end of epochs alone.
        metric: of the first stream, by which ``best`` is chosen.
    """

    evaluate_every: int = 1
    save_every_steps: int = 0
    metric: str = "top1"


@dataclass(frozen=True, kw_only=True)
class TrainingOutcome:
    """How a run ended.

    Attributes:
        finished: every step was made; else it was asked to stop, and its state is saved.
        step: steps made.
        best: none before the first evaluation.
        evaluation: the latest that this process of the program made.
        skipped: ids of the training samples that could not be used, each once.
    """

    finished: bool
    step: int
    best: BestModel | None
    evaluation: Evaluation | None
    skipped: tuple[str, ...]


class Trainer:
    """Makes a run's steps, and leaves at any of them so that another process can go on.

    ::

        batch ─ step ─┬─ log
                      ├─ end of an epoch: log ─ save state ─ evaluate ─ save last, best ─ save state
                      └─ asked to stop, or it is time: save state

    An epoch's state is saved before its evaluation too: whoever ends the run meanwhile costs it
    the evaluation alone, which the resumed run begins with.

    Args:
        steps: network and optimizer, with the state of ``facts`` in them.
        schedule: counts of the run.
        seed: of what is random inside a step.
        data: batches and evaluation.
        cadence: when to evaluate and save.
        files: what is written; none in every process but the first.
        display: shows the user how it goes.
        facts: where the run is; by default at its beginning.
        asked_to_stop: whether this process was asked to leave.
    """

    def __init__(
        self,
        *,
        steps: GradientSteps,
        schedule: Schedule,
        seed: int,
        data: RunData,
        cadence: Cadence,
        files: RunFiles | None,
        display: ProgressDisplay,
        facts: TrainingFacts,
        asked_to_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._steps = steps
        self._processes: Processes = steps.processes
        self._schedule = schedule
        self._seed = seed
        self._data = data
        self._cadence = cadence
        self._files = files
        self._display = display
        self._facts = facts
        self._asked_to_stop = asked_to_stop
        self._saved_step: int | None = facts.step or None
        self._evaluation: Evaluation | None = None
        self._skipped: dict[str, None] = {}

    def run(self) -> TrainingOutcome:
        """Train to the end, or until asked to stop; the state is saved either way.

        Raises:
            TrainingDiverged: loss, gradient or weights are not finite; ``last`` and ``best`` are
                those of before.
            InputError: an epoch, or an evaluation, without one usable sample.
            CheckpointError: something cannot be written.
        """
        self._steps.module.train()
        try:
            finished = self._train()
        except TrainingDiverged as error:
            self._log("end", outcome="diverged", message=str(error), samples=list(error.samples))
            raise
        if self._saved_step != self._facts.step:
            self._save_state()
        self._log("end", outcome="finished" if finished else "stopped")
        return TrainingOutcome(
            finished=finished,
            step=self._facts.step,
            best=self._facts.best,
            evaluation=self._evaluation,
            skipped=tuple(self._skipped),
        )

    # --- Steps ----------------------------------------------------------------------------------------

    def _train(self) -> bool:
        """Whether every step was made, and the last evaluation."""
        if self._all_are_to_stop():
            return False
        if not self._facts.evaluated:
            self._evaluate()
        for batch in self._batches_left():
            self._take_step(batch)
            if self._schedule.ends_epoch(self._facts.step - 1):
                self._end_epoch()
            elif self._is_time_to_save():
                self._save_state()
        return self._facts.evaluated and self._facts.step == self._schedule.steps

    def _batches_left(self) -> Iterable[ClipBatch]:
        """Batches until the run ends or is to stop; asked before a batch is waited for."""
        if self._facts.step == self._schedule.steps:
            return
        batches = iter(self._data.batches(self._facts.step))
        while not (self._may_save() and self._all_are_to_stop()):
            batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def _take_step(self, batch: ClipBatch) -> None:
        step, epoch = self._facts.step, self._epoch
        self._note_skipped(batch, step=step + 1)
        seed_step(self._seed, step, self._processes.rank)
        learning_rate = self._schedule.learning_rate_at(step)
        outcome = self._steps.take(
            batch, learning_rate=learning_rate, updates=self._schedule.ends_update(step)
        )
        sums = _add(self._facts.sums, outcome)
        self._change(step=step + 1, sums=sums, evaluated=True)
        self._log(
            "step",
            epoch=epoch,
            samples=outcome.samples,
            loss=_mean(outcome.loss_sum, outcome.samples),
            accuracy=_mean(outcome.hits, outcome.samples),
            learning_rate=learning_rate,
            gradient_norm=outcome.gradient_norm,
        )
        self._display.step(
            step=step + 1,
            epoch=epoch,
            clips=outcome.samples,
            loss=_mean(sums.loss, sums.samples) or 0.0,
            accuracy=_mean(sums.hits, sums.samples) or 0.0,
        )

    def _note_skipped(self, batch: ClipBatch, *, step: int) -> None:
        """Name every sample that could not be used, of all processes."""
        skipped_count, empty_count = self._processes.total([len(batch.skipped), not batch.samples])
        if not skipped_count:
            return
        skipped = [sample for samples in self._processes.gather(batch.skipped) for sample in samples]
        for sample in skipped:
            self._log("skipped", step=step, epoch=self._epoch, **_described(sample))
            if sample.sample not in self._skipped:
                self._display.note(f"skipped: {sample.message}")
            self._skipped[sample.sample] = None
        sums = self._facts.sums
        self._change(sums=sums.model_copy(update={"skipped": sums.skipped + len(skipped)}))
        if empty_count and not self._processes.is_alone:
            raise InputError(
                f"step {step}: a process of {self._processes.world_size} has no usable clip in its batch; "
                f"mend the samples or leave them out, the first: {skipped[0].message}"
            )

    def _all_are_to_stop(self) -> bool:
        """Whether any process was asked to; all hear of it at the same step."""
        return self._processes.total([self._asked_to_stop()])[0] > 0

    # --- Epochs ---------------------------------------------------------------------------------------

    @property
    def _epoch(self) -> int:
        """The epoch of the step to come, from 1."""
        return self._schedule.epoch_of(self._facts.step) + 1

    def _end_epoch(self) -> None:
        epoch, sums = self._epoch - 1, self._facts.sums
        if not sums.samples:
            raise InputError(
                f"epoch {epoch}: none of its {sums.skipped} samples can be used; the log says why of each"
            )
        self._processes.share_buffers(self._steps.module)
        _check_weights(self._steps.module)
        self._log(
            "epoch",
            epoch=epoch,
            samples=sums.samples,
            skipped=sums.skipped,
            loss=_mean(sums.loss, sums.samples),
            accuracy=_mean(sums.hits, sums.samples),
        )
        is_due = epoch % self._cadence.evaluate_every == 0 or epoch == self._schedule.epochs
        self._change(sums=EpochSums(), evaluated=not is_due)
        self._save_state()
        if not is_due:
            self._save_model("last", metrics={})
        elif not self._all_are_to_stop():
            self._evaluate()

    def _evaluate(self) -> None:
        """Judge the network as it is; if asked to stop meanwhile, as if it had never begun."""
        with self._display.evaluation(self._data.evaluated_samples) as advance:
            evaluation = self._data.evaluate(self._steps.module, self._unless_asked_to_stop(advance))
        self._steps.module.train()
        if evaluation.interrupted:
            return
        self._evaluation = evaluation
        self._log(
            "evaluation",
            epoch=self._epoch - 1,
            samples=evaluation.samples,
            skipped=[_described(sample) for sample in evaluation.skipped],
            streams=evaluation.streams,
        )
        self._save_model("last", metrics=evaluation.metrics)
        value = evaluation.value_of(self._cadence.metric)
        if self._facts.best is None or value > self._facts.best.value:
            self._save_model("best", metrics=evaluation.metrics)
            best = BestModel(
                metric=self._cadence.metric, value=value, epoch=self._epoch - 1, step=self._facts.step
            )
            self._change(best=best)
        self._change(evaluated=True)
        self._save_state()

    def _unless_asked_to_stop(self, advance: Callable[[int], None]) -> Callable[[int], None]:
        def advance_or_stop(count: int) -> None:
            advance(count)
            if self._asked_to_stop():
                raise KeyboardInterrupt

        return advance_or_stop

    # --- What is written ------------------------------------------------------------------------------

    def _is_time_to_save(self) -> bool:
        every = self._cadence.save_every_steps
        return bool(every) and self._facts.step - (self._saved_step or 0) >= every and self._may_save()

    def _may_save(self) -> bool:
        """Gradients that wait for an update are in every process, and only the first one's are saved."""
        return self._processes.is_alone or self._schedule.ends_update(self._facts.step - 1)

    def _save_state(self) -> None:
        with self._processes.same_fate():
            if self._files is not None:
                pending = self._steps.pending
                self._change(
                    pending_samples=pending.samples,
                    pending_names=list(pending.names),
                    scaler=self._steps.scaler.state_dict(),
                    log_position=self._files.log.position,
                )
                tensors = collect_tensors(self._steps)
                self._files.folder.save_state(tensors, facts_as_json(self._facts), step=self._facts.step)
        self._saved_step = self._facts.step

    def _save_model(self, which: Which, *, metrics: Mapping[str, float]) -> None:
        with self._processes.same_fate():
            if self._files is not None:
                trained = self._files.describe(epoch=self._epoch - 1, step=self._facts.step, metrics=metrics)
                self._files.folder.save_model(which, self._steps.module, trained)

    def _log(self, kind: Kind, *, step: int | None = None, **values: Any) -> None:
        if self._files is not None:
            self._files.log.write(kind, step=self._facts.step if step is None else step, **values)

    def _change(self, **values: object) -> None:
        self._facts = self._facts.model_copy(update=values)


def _add(sums: EpochSums, outcome: StepOutcome) -> EpochSums:
    return EpochSums(
        loss=sums.loss + outcome.loss_sum,
        hits=sums.hits + outcome.hits,
        samples=sums.samples + outcome.samples,
        skipped=sums.skipped,
    )


def _mean(total: float, count: int) -> float | None:
    return total / count if count else None


def _described(sample: SkippedSample) -> dict[str, str]:
    return {"sample": sample.sample, "reason": sample.reason, "message": sample.message}


def _check_weights(module: nn.Module) -> None:
    """Norms' running statistics can overflow while every loss is finite."""
    for name, value in module.state_dict().items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise TrainingDiverged(f"{name} is not finite")
