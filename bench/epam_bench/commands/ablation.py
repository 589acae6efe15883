"""`epam-bench ablation`: what each part of EPAM-Net is worth, on the data set that the project draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epam_bench.commands.options import (
    DEFAULT_OUTPUT_DIR,
    INTERRUPTED,
    NOTHING_MEASURED,
    RECORDS_NAME,
    SOME_FAILED,
    Format,
    FormatOption,
)

if TYPE_CHECKING:
    from epam.data.data_root import DataLocation
    from epam_bench.ablation import TrialPlan
    from epam_bench.records import AblationTrial

SAMPLES_PER_CLASS = 48
DATA_FOLDER = "embedded"
RUNS_FOLDER = "ablation"


def ablation(
    seeds: Annotated[int, typer.Option(help="Networks of each variant.", min=1)] = 3,
    first_seed: Annotated[int, typer.Option(help="Seeds count up from here.", min=0)] = 0,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            "--variant",
            help="Only this row (and what it starts from): pose, RGB, fused, 'fused without attention' or "
            "'fused without shift'; may be repeated.",
            show_default=False,
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Change every recipe, e.g. schedule.epochs=5; may be repeated.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        str,
        typer.Option(
            help="tiny: thin networks for a CPU; short: the same, half as long; full: the paper's recipes, "
            "for a GPU."
        ),
    ] = "tiny",
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The embedded data set; drawn (48 videos a class) where there is none.",
            show_default="OUTPUT/embedded",
        ),
    ] = None,
    protocol: Annotated[str, typer.Option("--protocol", "-p", help="xsub or xview.")] = "xsub",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 …")] = "cpu",
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Trainings side by side, one CPU thread each.", min=1, show_default="one a core; 1 on a GPU"
        ),
    ] = None,
    output_dir: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for data, runs and records.")
    ] = DEFAULT_OUTPUT_DIR,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Train pose, RGB, both, both without attention and both without shift, and compare by kind of class.

    Three seeds of the tiny networks took an hour on two busy cores; the first line says how many
    trainings there are, the bar how long the rest will take. Stopped, it goes on where it was: give
    the same options again. Each network is the last of its schedule, not the best on the test split.

    Example: epam-bench ablation --seeds 1 --variant fused
    """
    from epam_bench.commands.output import emit, report_failures
    from epam_reports.tables import ablation_table

    settings = AblationSettings(
        root=root or output_dir / DATA_FOLDER,
        output=output_dir,
        seeds=tuple(range(first_seed, first_seed + seeds)),
        variants=tuple(variant) if variant else None,
        changes=tuple(changes or ()),
        size=size,
        protocol=protocol,
        device=device,
        jobs=jobs,
    )
    outcome = ablate(settings)
    if outcome.trials:
        emit(
            [ablation_table(outcome.trials)],
            output_format=output_format,
            output=None,
            records=outcome.trials,
        )
    report_failures(outcome.failures)
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)
    if outcome.failures:
        raise typer.Exit(SOME_FAILED if outcome.trials else NOTHING_MEASURED)


@dataclass(frozen=True, kw_only=True)
class AblationSettings:
    """What is trained, on what, and how much of it side by side.

    Attributes:
        output: folder of the record file and of the runs.
        runs: name of the runs' folder there.
        jobs: trainings side by side; none: one a core, or one on a GPU.
    """

    root: Path
    output: Path
    seeds: tuple[int, ...]
    variants: tuple[str, ...] | None = None
    changes: tuple[str, ...] = ()
    size: str = "tiny"
    protocol: str = "xsub"
    device: str = "cpu"
    jobs: int | None = None
    runs: str = RUNS_FOLDER

    @property
    def records(self) -> Path:
        """Where trials are appended."""
        return self.output / RECORDS_NAME


@dataclass(eq=False)
class AblationOutcome:
    """The trials of this run, and of its networks those that were on record before."""

    trials: list[AblationTrial] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


def ablate(settings: AblationSettings) -> AblationOutcome:
    """Draw the data where there are none, train, evaluate, and append a record a network.

    Raises:
        EpamError: a setting that cannot be; found before anything is drawn or trained.
    """
    from epam.data.data_root import DataLocation
    from epam.devices import check_device
    from epam_bench.ablation import DATASET, choose_variants, plan_trials
    from epam_bench.commands.output import check_outputs, tell

    location = DataLocation(dataset=DATASET, protocol=settings.protocol, root=settings.root)
    check_device(settings.device)
    check_outputs(settings.records, None)
    plans = plan_trials(
        choose_variants(settings.variants),
        settings.seeds,
        location=location,
        output=settings.output / settings.runs,
        size=settings.size,
        changes=settings.changes,
        device=settings.device,
    )
    _check_protocol(location)
    outcome = AblationOutcome()
    try:
        _draw(settings)
        tell(f"trainings: {len(plans)}, into {settings.output / settings.runs}")
        _train_and_measure(plans, location, settings, outcome)
    except KeyboardInterrupt:
        outcome.interrupted = True
    return outcome


def _check_protocol(location: DataLocation) -> None:
    from epam.data.data_root import find_protocol

    find_protocol(location)


def _draw(settings: AblationSettings) -> None:
    """Draw the embedded data set, or what is missing of it; one that is there is used as it is."""
    if (settings.root / "store").is_dir():
        return
    from epam.data.datasets import get_dataset
    from epam.data.synthetic.dataset import write_dataset
    from epam_bench.commands.output import progress

    classes = get_dataset("embedded").protocol(settings.protocol).num_classes
    with progress("Drawing", classes * SAMPLES_PER_CLASS) as advance:
        write_dataset(
            settings.root,
            samples_per_class=SAMPLES_PER_CLASS,
            workers=_cores(),
            on_sample=advance,
        )


def _train_and_measure(
    plans: Sequence[TrialPlan], location: DataLocation, settings: AblationSettings, outcome: AblationOutcome
) -> None:
    from epam.errors import EpamError
    from epam_bench.commands.output import progress
    from epam_bench.training_jobs import TrainingJob, run_jobs

    plan_of = {plan.job.name: plan for plan in plans}
    on_record = _read_trials(settings.records)
    failures: dict[str, str] = {}
    with progress("Training", len(plans)) as advance:

        def measure(job: TrainingJob, seconds: float) -> None:
            advance(job.name)
            if not plan_of[job.name].variant.reported:
                return
            try:
                outcome.trials.append(_measure(plan_of[job.name], location, seconds, settings, on_record))
            except EpamError as error:
                failures[job.name] = str(error)

        jobs = settings.jobs or (_cores() if settings.device == "cpu" else 1)
        done = run_jobs([plan.job for plan in plans], parallel=jobs, threads=1, on_done=measure)
    outcome.failures |= done.failures | failures


def _measure(
    plan: TrialPlan,
    location: DataLocation,
    seconds: float,
    settings: AblationSettings,
    on_record: Sequence[AblationTrial],
) -> AblationTrial:
    """Evaluate a network, unless its weights are on record: they were trained by an earlier run."""
    from epam_bench.ablation import measure_trial
    from epam_bench.records import append_record

    trial = measure_trial(plan, location, seconds=seconds, device=settings.device)
    for known in on_record:
        if (known.variant, known.seed, known.weights_sha256, known.split_sha256) == (
            trial.variant,
            trial.seed,
            trial.weights_sha256,
            trial.split_sha256,
        ):
            return known
    append_record(settings.records, trial)
    return trial


def _read_trials(records: Path) -> list[AblationTrial]:
    from epam_bench.records import AblationTrial, read_records

    if not records.exists() or not records.stat().st_size:
        return []
    known, _ = read_records(records)
    return [record for record in known if isinstance(record, AblationTrial)]


def _cores() -> int:
    from epam.devices import cores_left_by

    return cores_left_by(0)
