"""The ablation: each stream alone, both, both without attention, both without shift, over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from epam.data.data_root import DataLocation, open_split
from epam.errors import CheckpointError, InputError, UnknownNameError
from epam.training.recipe import Recipe, load_recipe, with_changes
from epam.training.trained_model import TrainedModel, read_trained_model
from epam_bench.accuracy import measure_accuracy, plan_accuracy
from epam_bench.records import AblationTrial, AccuracyRecord, GroupResult
from epam_bench.training_jobs import TrainingJob

DATASET = "embedded"

Stream = Literal["pose", "rgb"]
WITHOUT_SHIFT = ("model.options.temporal_shift=false",)

CHECKPOINT = "last.safetensors"
"""What is evaluated and started from: the end of the schedule, not the epoch that did best on the
test split."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row of the table, or a network that only others start from.

    Attributes:
        name: as the table's row says it.
        recipe: the recipe's name, without the size in front.
        changes: of the recipe.
        starts: which variant each stream starts from.
        reported: whether it is a row.
    """

    name: str
    recipe: str
    changes: tuple[str, ...] = ()
    starts: Mapping[Stream, str] = field(default_factory=dict)
    reported: bool = True


VARIANTS = (
    Variant(name="pose", recipe="pose"),
    Variant(name="RGB", recipe="rgb"),
    Variant(name="fused", recipe="multimodal", starts={"pose": "pose", "rgb": "RGB"}),
    Variant(
        name="fused without attention",
        recipe="multimodal",
        changes=("model.options.attention=none",),
        starts={"pose": "pose", "rgb": "RGB"},
    ),
    Variant(name="pose without shift", recipe="pose", changes=WITHOUT_SHIFT, reported=False),
    Variant(name="RGB without shift", recipe="rgb", changes=WITHOUT_SHIFT, reported=False),
    Variant(
        name="fused without shift",
        recipe="multimodal",
        changes=WITHOUT_SHIFT,
        starts={"pose": "pose without shift", "rgb": "RGB without shift"},
    ),
)
SHORT_VARIANTS = ("pose", "RGB", "fused")
"""What the short form trains: whether two streams beat one."""

SHORT_EPOCHS = {"pose": 14, "rgb": 10, "multimodal": 5}
"""Half of the tiny recipes' for each stream, by recipe: the least at which two streams were well ahead
of each (one seed, 192 test samples: fused 46.9 %, pose 35.9 %, RGB 20.3 %)."""

Size = Literal["short", "tiny", "full"]
SIZES: tuple[Size, ...] = get_args(Size)


@dataclass(frozen=True, kw_only=True)
class TrialPlan:
    """One training of the ablation.

    Attributes:
        run: its folder.
        recipe: what is trained, with all changes.
        starts: the weights that each stream starts from.
        job: the process that trains it.
        begun_before: whether there was something of this run already.
    """

    variant: Variant
    seed: int
    run: Path
    recipe: Recipe
    starts: Mapping[Stream, Path]
    job: TrainingJob
    begun_before: bool

    @property
    def checkpoint(self) -> Path:
        """The weights that are evaluated."""
        return self.run / CHECKPOINT


def choose_variants(names: Sequence[str] | None) -> tuple[Variant, ...]:
    """The variants of these names and those that they start from, in the table's order; all for none.

    Raises:
        UnknownNameError: no such variant.
    """
    by_name = {variant.name.lower(): variant for variant in VARIANTS}
    wanted: set[str] = set()
    for name in names or [variant.name for variant in VARIANTS]:
        variant = by_name.get(name.lower())
        if variant is None:
            raise UnknownNameError("variant", name, [variant.name for variant in VARIANTS])
        wanted |= {variant.name, *variant.starts.values()}
    return tuple(variant for variant in VARIANTS if variant.name in wanted)


def plan_trials(
    variants: Iterable[Variant],
    seeds: Iterable[int],
    *,
    location: DataLocation,
    output: Path,
    size: str = "tiny",
    changes: Sequence[str] = (),
    device: str = "cpu",
) -> list[TrialPlan]:
    """Every training of the ablation, seed by seed, those that others start from first.

    Args:
        variants: of :func:`choose_variants`.
        seeds: one network of each variant is trained from each.
        location: the embedded data set, by its root.
        output: folder of the runs.
        size: of :data:`SIZES`: ``tiny``, ``short`` for the same with fewer epochs, or ``full`` for the
            paper's own recipes.
        changes: of every recipe, as ``epam-train --set`` has them.
        device: where it is trained.

    Raises:
        InputError: no seed, a size that there is not, or a change that a recipe refuses.
    """
    if size not in SIZES:
        raise InputError(f"size {size!r}: write tiny, short, or full for the paper's own recipes")
    chosen, numbers = list(variants), list(dict.fromkeys(seeds))
    if not numbers:
        raise InputError("no seeds; give at least one")
    common = ["--dataset", location.dataset, "--protocol", location.protocol, "--root", str(location.root)]
    common += ["--device", device]
    return [
        _plan_trial(variant, seed, output, size, changes, common) for seed in numbers for variant in chosen
    ]


def _plan_trial(
    variant: Variant, seed: int, output: Path, size: str, changes: Sequence[str], common: Sequence[str]
) -> TrialPlan:
    name = variant.recipe if size == "full" else f"tiny_{variant.recipe}"
    run = _folder(output, variant.name, seed)
    all_changes = (f"training.seed={seed}", *_of_size(variant, size), *variant.changes, *changes)
    starts = {stream: _folder(output, start, seed) / CHECKPOINT for stream, start in variant.starts.items()}
    arguments = [name, *common, "--output", str(run)]
    for change in all_changes:
        arguments += ["--set", change]
    for stream, start in starts.items():
        arguments += [f"--{stream}-from", str(start)]
    if run.exists():
        arguments.append("--resume")
    job = TrainingJob(
        name=_job_name(variant.name, seed),
        arguments=tuple(arguments),
        log=output / f"{run.name}.log",
        after=tuple(_job_name(start, seed) for start in variant.starts.values()),
    )
    return TrialPlan(
        variant=variant,
        seed=seed,
        run=run,
        recipe=with_changes(load_recipe(name), all_changes),
        starts=starts,
        job=job,
        begun_before=run.exists(),
    )


def _of_size(variant: Variant, size: str) -> tuple[str, ...]:
    """What a size changes of a recipe; its own name keeps its trials apart from whole trainings."""
    if size != "short":
        return ()
    return (f"name=short_{variant.recipe}", f"schedule.epochs={SHORT_EPOCHS[variant.recipe]}")


def measure_trial(plan: TrialPlan, location: DataLocation, *, seconds: float, device: str) -> AblationTrial:
    """Evaluate a trained network on the test split, each sample once.

    Args:
        plan: the training, which is done.
        location: the data that it was trained on.
        seconds: that the training took.
        device: where it is evaluated.

    Raises:
        CheckpointError: the weights in the run's folder are of another training.
        InputError: a sample could not be evaluated: the rows would not be of the same samples.
    """
    trained = _check_trained(plan)
    training = open_split(location, "train", needs_videos=False)
    if trained.split_sha256 != training.sha256:
        raise CheckpointError(f"{plan.checkpoint}: trained on other samples than {location.root} has; {_FIX}")
    record, scores = measure_accuracy(
        plan_accuracy(None, location, checkpoint=plan.checkpoint, device=device)
    )
    if record is None or scores.skipped:
        raise InputError(
            f"{location.root}: {len(scores.skipped)} test samples cannot be evaluated, the first: "
            f"{scores.skipped[0].message}; draw the data set again"
        )
    return AblationTrial(
        model=record.model,
        environment=record.environment,
        caveats=(_RESUMED,) if plan.begun_before else (),
        variant=plan.variant.name,
        seed=plan.seed,
        recipe=plan.recipe.name,
        epochs=plan.recipe.schedule.epochs,
        training_samples=len(training),
        dataset=location.dataset,
        protocol=location.protocol,
        split_sha256=record.split_sha256,
        samples=record.main.samples,
        hits=record.main.top1_hits,
        groups=count_groups(record),
        training_seconds=seconds,
        device=device,
        precision=plan.recipe.training.precision,
        weights_sha256=record.weights_sha256,
    )


_FIX = "remove the run's folder, or name another with --output"
_RESUMED = "the training was begun before and resumed: its seconds are those of the last part"


def _check_trained(plan: TrialPlan) -> TrainedModel:
    """The run's manifest, if its weights are what the plan says."""
    trained = read_trained_model(plan.checkpoint)
    if trained is None:
        raise CheckpointError(f"{plan.checkpoint}: no manifest beside it; {_FIX}")
    if trained.recipe.sha256 != plan.recipe.sha256:
        raise CheckpointError(f"{plan.checkpoint}: trained by another recipe; {_FIX}")
    started = {parent.stream: parent.weights_sha256 for parent in trained.parents}
    for stream, path in plan.starts.items():
        start = read_trained_model(path)
        if start is None or started.get(stream) != start.weights_sha256:
            raise CheckpointError(f"{plan.checkpoint}: not started from {path} as it is now; {_FIX}")
    return trained


def count_groups(record: AccuracyRecord) -> tuple[GroupResult, ...]:
    """Samples and hits of each kind of class, by the network's main stream; empty without kinds."""
    groups: dict[str, list[int]] = {}
    for entry in record.classes:
        if entry.group is not None:
            counted = groups.setdefault(entry.group, [0, 0])
            counted[0] += entry.samples
            counted[1] += entry.hits[record.main.stream]
    return tuple(
        GroupResult(name=name, samples=samples, hits=hits)
        for name, (samples, hits) in groups.items()
        if samples
    )


def _job_name(variant: str, seed: int) -> str:
    return f"{variant}, seed {seed}"


def _folder(output: Path, variant: str, seed: int) -> Path:
    return output / f"{variant.lower().replace(' ', '_')}-seed{seed}"
