"""A training run from its request: recipe, data and model joined, checked, and trained in a folder."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from epam.atomic_file import write_atomically
from epam.backends.training_form import in_channels_last
from epam.data.augmentation import Augmentation
from epam.data.clip_dataset import ClipBatch, ClipDataset
from epam.data.data_root import DataLocation, Split, open_split
from epam.data.epoch_batches import EpochBatches
from epam.data.loader import make_loader
from epam.data.pipelines import Pipeline
from epam.devices import compute_threads, cores_left_by, repeatable_convolutions
from epam.errors import InputError, UnknownNameError, printable
from epam.training.checkpoint_folder import CheckpointFolder, SavedState
from epam.training.distributed import Processes
from epam.training.epoch_evaluation import PUBLISHED_METRIC, Evaluation, evaluate_split
from epam.training.freed_memory import freed_memory_kept
from epam.training.gradient_steps import GradientSteps
from epam.training.learning_curve import CURVE_NAME, write_learning_curve
from epam.training.progress_display import ProgressDisplay
from epam.training.recipe import NOT_TRAINED, ModelSettings, Recipe, recipe_toml
from epam.training.run_log import LOG_NAME, TENSORBOARD_FOLDER, RunLog, read_run_log
from epam.training.schedule import Schedule
from epam.training.trained_model import Parent, TrainedModel, TrainedRecipe
from epam.training.trainer import Cadence, RunData, RunFiles, Trainer, TrainingOutcome
from epam.training.training_state import TrainingFacts, read_facts, restore
from epam.training.unimodal_start import start_from_unimodal
from epam_baselines.catalogue import find_spec
from epam_baselines.custom_models import is_import_path
from epam_baselines.network import NetworkChoice, choose_network, load_network

RECIPE_NAME = "recipe.toml"
NO_HASH = "0" * 64
"""Stands in a manifest until the weights are saved."""

RECORDED_PACKAGES = ("epam-bench", "torch", "numpy", "av")
"""Libraries that touch what is trained."""


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What the user asks for.

    Attributes:
        recipe: with all changes.
        location: of the data.
        run: folder that the run writes into.
        pose_from: weights that the pose stream starts from; none: fresh ones.
        rgb_from: likewise of the RGB stream.
        resume: go on with the run in the folder.
        overwrite: remove the run in the folder and begin again.
    """

    recipe: Recipe
    location: DataLocation
    run: Path
    pose_from: Path | None = None
    rgb_from: Path | None = None
    resume: bool = False
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class RunPlan:
    """A request that has been checked, with nothing built or written yet.

    Attributes:
        choice: the network.
        training: samples to train on.
        evaluated: samples that epochs are judged by.
        schedule: counts of the run.
    """

    request: RunRequest
    choice: NetworkChoice
    training: Split
    evaluated: Split
    schedule: Schedule

    @property
    def recipe(self) -> Recipe:
        """Of the request."""
        return self.request.recipe

    def pipeline(self, augmentation: Augmentation | None = None) -> Pipeline:
        """Prepares clips of the recipe's size."""
        return Pipeline(self.choice.spec.pipeline_kind, self.recipe.clip.size, augmentation=augmentation)


def with_model(recipe: Recipe, name: str | None) -> Recipe:
    """The recipe for another model, with that one's own options; the same recipe for none.

    Raises:
        InputError: the recipe, a file, names code that would be run, and the user has not.
    """
    named = recipe.model.name
    if name is None and is_import_path(named):
        raise InputError(
            f"recipe {printable(recipe.name)}: its model {printable(named)} is code that would be run; if "
            f"you trust it, say so with --model {printable(named)}"
        )
    if name is None or name == named:
        return recipe
    return recipe.model_copy(update={"model": ModelSettings(name=name)})


def plan_run(request: RunRequest, processes: Processes) -> RunPlan:
    """Check everything that can be before the first step: folder, model, data, schedule.

    Raises:
        InputError: a folder that holds a run already, or none to resume; data, options or sizes that
            do not fit together.
        UnknownNameError: no such model, option, data set, protocol or split.
        AnnotationError: a split without a usable sample, or files that cannot be read.
    """
    if processes.is_first:
        _check_folder(request)
    recipe, location = request.recipe, request.location
    kind = find_spec(recipe.model.name).pipeline_kind
    training = open_split(location, "train", needs_videos=kind != "pose")
    choice = choose_network(
        recipe.model.name,
        dataset=location.dataset,
        protocol=location.protocol,
        num_classes=training.protocol.num_classes,
        options=recipe.model.options,
        clip=recipe.clip.size,
    )
    evaluated = _open_evaluated(location, training, needs_videos=kind != "pose")
    batches = _sampler(recipe, training, processes, start_step=0)
    schedule = Schedule(
        steps_per_epoch=batches.steps_per_epoch,
        epochs=recipe.schedule.epochs,
        accumulation=recipe.training.accumulation,
        learning_rate=recipe.optimizer.learning_rate,
        warmup_updates=recipe.schedule.warmup_steps,
    )
    return RunPlan(request=request, choice=choice, training=training, evaluated=evaluated, schedule=schedule)


def carry_out(
    plan: RunPlan,
    processes: Processes,
    *,
    asked_to_stop: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda _: None,
) -> TrainingOutcome:
    """Train, from the beginning or from the newest state, until done or asked to stop.

    Args:
        plan: of :func:`plan_run`.
        processes: that train together.
        asked_to_stop: whether this process was asked to leave.
        say: tells the user a sentence, in the first process.

    Raises:
        CheckpointError: a state that cannot be used, or of another run; something cannot be written.
        TrainingDiverged: loss, gradient or weights are not finite.
        InputError: the device has no room, or no sample can be used.
    """
    threads = cores_left_by(plan.recipe.training.workers)
    with compute_threads(threads), repeatable_convolutions(), _memory_kept(processes.device):
        with processes.same_fate():
            run = _Run(plan, processes, threads=threads)
            facts = run.begin_or_resume(say if processes.is_first else lambda _: None)
        outcome = run.train(facts, asked_to_stop)
    if processes.is_first:
        write_learning_curve(read_run_log(plan.request.run), plan.request.run, title=_title(plan))
    return outcome


# --- The folder -----------------------------------------------------------------------------------------


def holds_run(run: Path) -> bool:
    """Whether a run has written into the folder."""
    return any((run / name).exists() for name in (RECIPE_NAME, LOG_NAME, "states"))


def _check_folder(request: RunRequest) -> None:
    run = request.run
    if request.resume and request.overwrite:
        raise InputError(
            "--resume and --overwrite: the one goes on with the run, the other removes it; choose"
        )
    if run.exists() and not run.is_dir():
        raise InputError(f"{run}: is a file; name a folder for the run with --output")
    if request.resume and not run.exists():
        raise InputError(f"{run}: no run to resume; check --output, or leave --resume out to begin one")
    if holds_run(run) and not (request.resume or request.overwrite):
        raise InputError(
            f"{run}: holds a run already; go on with it by --resume, replace it by --overwrite, or name "
            "another folder with --output"
        )


def remove_run(run: Path) -> None:
    """Delete what a run writes, and nothing else that is in the folder."""
    for name in ("last", "best"):
        for file in run.glob(f"{name}.*"):
            file.unlink()
    for name in (RECIPE_NAME, LOG_NAME, f"{CURVE_NAME}.png", f"{CURVE_NAME}.svg"):
        (run / name).unlink(missing_ok=True)
    for folder in ("states", TENSORBOARD_FOLDER):
        shutil.rmtree(run / folder, ignore_errors=True)


# --- Data -----------------------------------------------------------------------------------------------


def _open_evaluated(location: DataLocation, training: Split, *, needs_videos: bool) -> Split:
    """The validation part where the data set and the files have one, else the test part, as published."""
    try:
        evaluated = open_split(location, "val", needs_videos=needs_videos)
    except UnknownNameError:
        evaluated = open_split(location, "test", needs_videos=needs_videos)
    if evaluated.name is None and training.name is None and training.protocol.part_rule is None:
        raise InputError(
            f"{training.origin}: has no splits, so that nothing would be left to evaluate on; give one list "
            "a part, named …_train and …_val or …_test, with --annotations twice"
        )
    return evaluated


def _sampler(recipe: Recipe, training: Split, processes: Processes, *, start_step: int) -> EpochBatches:
    return EpochBatches(
        labels=training.labels,
        batch_size=recipe.training.batch_size,
        epochs=recipe.schedule.epochs,
        seed=recipe.training.seed,
        rank=processes.rank,
        world_size=processes.world_size,
        start_step=start_step,
        class_balanced=recipe.training.class_balanced,
    )


# --- The run --------------------------------------------------------------------------------------------


class _Run:
    """Network, optimizer and files of a run in this process."""

    def __init__(self, plan: RunPlan, processes: Processes, *, threads: int) -> None:
        self.plan = plan
        self.processes = processes
        self.threads = threads
        self.parents: tuple[Parent, ...] = ()
        self.folder = CheckpointFolder(plan.request.run)
        self.steps = GradientSteps(
            self._build(), plan.recipe, processes, default_stream=_default_stream(plan.choice)
        )

    def _build(self) -> nn.Module:
        plan, request, training = self.plan, self.plan.request, self.plan.recipe.training
        network = load_network(plan.choice, device=str(self.processes.device), seed=training.seed)
        if request.pose_from or request.rgb_from:
            self.parents = start_from_unimodal(
                network.module,
                pose=request.pose_from,
                rgb=request.rgb_from,
                dataset=request.location.dataset,
                protocol=request.location.protocol,
            )
        module = in_channels_last(network.module)
        return self.processes.with_shared_norms(module) if training.sync_batch_norm else module

    def begin_or_resume(self, say: Callable[[str], None]) -> TrainingFacts:
        """The facts to train from, with their tensors in place; the folder is ready to be written."""
        request = self.plan.request
        for caveat in dict.fromkeys(self.plan.training.caveats + self.plan.evaluated.caveats):
            say(f"note: {caveat}")
        for part, split in (("training", self.plan.training), ("evaluation", self.plan.evaluated)):
            if split.problems:
                say(
                    f"note: {len(split.problems)} samples of {part} cannot be used; the first: "
                    f"{split.problems[0].message}"
                )
        saved = None
        if self.processes.is_first:
            if request.overwrite:
                remove_run(request.run)
            saved = self.folder.load_newest() if request.resume else None
        saved = self.processes.from_first(saved)
        facts = self._begin() if saved is None else self._resume(saved, say)
        if request.resume and saved is None:
            say(f"note: {request.run} has no saved state; training begins at the first step")
        if self.processes.is_first:
            self.folder.clean_up()
            write_atomically(request.run / RECIPE_NAME, recipe_toml(self.plan.recipe))
        return facts

    def _begin(self) -> TrainingFacts:
        return TrainingFacts(run=self._identity(), surroundings=self._surroundings())

    def _resume(self, saved: SavedState, say: Callable[[str], None]) -> TrainingFacts:
        for complaint in saved.complaints:
            say(f"warning: {complaint}")
        facts = read_facts(saved)
        if not self.parents:
            self.parents = tuple(Parent.model_validate(parent) for parent in facts.run.get("parents", []))
        _check_same_run(facts.run, self._identity(), saved.path)
        for name, now in self._surroundings().items():
            before = facts.surroundings.get(name, "not recorded")
            if before != now:
                say(f"warning: {name} was {before} and is {now}: the resumed run may differ in its last bits")
        restore(self.steps, saved.tensors, facts, origin=saved.path)
        say(f"resuming at step {facts.step} of {self.plan.schedule.steps}, from {saved.path}")
        return facts.model_copy(update={"surroundings": self._surroundings()})

    def train(self, facts: TrainingFacts, asked_to_stop: Callable[[], bool]) -> TrainingOutcome:
        """Make the steps that are left."""
        recipe, dataset = self.plan.recipe, self.plan.request.location.dataset
        is_first = self.processes.is_first
        display = ProgressDisplay(
            total_steps=self.plan.schedule.steps,
            epochs=recipe.schedule.epochs,
            start_step=facts.step,
            shown=is_first,
        )
        with self._files(facts) as files, display:
            return Trainer(
                steps=self.steps,
                schedule=self.plan.schedule,
                seed=recipe.training.seed,
                data=self._data(),
                cadence=Cadence(
                    evaluate_every=recipe.training.evaluate_every,
                    save_every_steps=recipe.training.save_every_steps,
                    metric=PUBLISHED_METRIC.get(dataset, "top1"),
                ),
                files=files,
                display=display,
                facts=facts,
                asked_to_stop=asked_to_stop,
            ).run()

    def _data(self) -> RunData:
        evaluated, processes = self.plan.evaluated, self.processes
        return RunData(
            batches=self._batches,
            evaluate=self._evaluate,
            evaluated_samples=len(range(processes.rank, len(evaluated), processes.world_size)),
        )

    def _batches(self, start_step: int) -> Iterator[ClipBatch]:
        """One loader for all epochs: its workers start once."""
        plan, recipe = self.plan, self.plan.recipe
        augmentation = Augmentation(**recipe.augmentation.model_dump())
        dataset = ClipDataset(
            plan.training, plan.pipeline(augmentation), seed=recipe.training.seed, refuse_empty_pose=True
        )
        sampler = _sampler(recipe, plan.training, self.processes, start_step=start_step)
        loader = make_loader(dataset, sampler, workers=recipe.training.workers, device=self.processes.device)
        return iter(loader)

    def _evaluate(self, module: nn.Module, advance: Callable[[int], None]) -> Evaluation:
        return evaluate_split(
            module,
            self.plan.evaluated,
            self.plan.pipeline(),
            processes=self.processes,
            batch_size=self.plan.recipe.training.batch_size,
            workers=self.plan.recipe.training.workers,
            advance=advance,
        )

    @contextmanager
    def _files(self, facts: TrainingFacts) -> Iterator[RunFiles | None]:
        if not self.processes.is_first:
            yield None
            return
        resumed = facts.log_position > 0
        with RunLog(
            self.plan.request.run,
            facts.step if resumed else None,
            resume_position=facts.log_position if resumed else None,
        ) as log:
            if not resumed:
                self._log_start(log)
            yield RunFiles(folder=self.folder, log=log, describe=self._describe)

    def _log_start(self, log: RunLog) -> None:
        training, evaluated = self.plan.training, self.plan.evaluated
        log.write(
            "start",
            step=0,
            recipe=self.plan.recipe.name,
            recipe_sha256=self.plan.recipe.sha256,
            run=self._identity(),
            surroundings=self._surroundings(),
            parameters=sum(parameter.numel() for parameter in self.steps.module.parameters()),
            samples=len(training),
            evaluated_samples=len(evaluated),
            caveats=list(training.caveats + evaluated.caveats),
        )
        for sample, message in training.problems:
            log.write("skipped", step=0, epoch=0, sample=sample, reason="malformed sample", message=message)

    # --- Facts ---

    def _identity(self) -> dict[str, Any]:
        """What makes a run this run: with anything else of these, it would train something else."""
        location, training = self.plan.request.location, self.plan.training
        return {
            "recipe": self.plan.recipe.model_dump(mode="json", exclude=NOT_TRAINED),
            "dataset": location.dataset,
            "protocol": location.protocol,
            "classes": training.protocol.num_classes,
            "training samples": training.sha256,
            "evaluated samples": self.plan.evaluated.sha256,
            "class names": training.label_map_sha256,
            "processes": self.processes.world_size,
            "parents": [parent.model_dump(mode="json") for parent in self.parents],
        }

    def _surroundings(self) -> dict[str, str]:
        """What may be otherwise when a run is resumed, and then may change bits."""
        device = self.processes.device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
        return {**describe_versions(), "threads": str(self.threads), "device": name}

    def _describe(self, *, epoch: int, step: int, metrics: Mapping[str, float]) -> TrainedModel:
        location, training, recipe = self.plan.request.location, self.plan.training, self.plan.recipe
        return TrainedModel(
            weights_sha256=NO_HASH,
            model=recipe.model.name,
            options=recipe.model.options,
            num_classes=training.protocol.num_classes,
            clip=recipe.clip,
            dataset=location.dataset,
            protocol=location.protocol,
            split_sha256=training.sha256,
            label_map_sha256=training.label_map_sha256,
            recipe=TrainedRecipe.of(recipe),
            epoch=epoch,
            step=step,
            metrics=dict(metrics),
            versions=describe_versions(),
            threads=self.threads,
            parents=self.parents,
        )


def _memory_kept(device: torch.device) -> AbstractContextManager[None]:
    """On a CPU, what a step frees is the next one's; a GPU's memory is PyTorch's own to keep."""
    return freed_memory_kept() if device.type == "cpu" else nullcontext()


def describe_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that touch what is trained."""
    versions = {"python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _default_stream(choice: NetworkChoice) -> str:
    kind = choice.spec.pipeline_kind
    return "fused" if kind == "multimodal" else kind


def _title(plan: RunPlan) -> str:
    location = plan.request.location
    return f"{plan.recipe.name} on {location.dataset} {location.protocol}"


def _check_same_run(before: Mapping[str, Any], now: Mapping[str, Any], state: Path) -> None:
    """Refuse to go on as another run, naming everything that differs."""
    old, new = _flatten(before), _flatten(now)
    differences = [
        f"{name} was {_shown(old.get(name, 'not set'))} and is {_shown(new.get(name, 'not set'))}"
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name) and not name.endswith(".path")
    ]
    if differences:
        raise InputError(
            f"{state}: belongs to another run: {'; '.join(differences)}; resume with what it began with, "
            "or begin another in its own folder"
        )


def _shown(value: object) -> str:
    """A value in a message; of a hash its beginning."""
    text = str(value)
    return f"{text[:12]}…" if len(text) == len(NO_HASH) else printable(text)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings and lists as one, ``{"recipe": {"seed": 1}}`` → ``{"recipe.seed": 1}``."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            value = {str(number): entry for number, entry in enumerate(value)}
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
