"""`epam-bench reproduce`: count, time, tabulate, judge: what `make reproduce` runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epam_bench.commands.options import (
    DEFAULT_OUTPUT_DIR,
    INTERRUPTED,
    RECORDS_NAME,
    SOME_FAILED,
    Format,
    FormatOption,
)

if TYPE_CHECKING:
    from epam_bench.commands.ablation import AblationOutcome
    from epam_bench.timing.effort import Effort
    from epam_bench.timing.subject import SubjectPlan

QUICK_MODELS = ("epam_net", "x_shiftnet_rgb", "x_shiftnet_pose", "posec3d", "x3d_m", "c3d", "timesformer")
TIMED_MODELS = (
    *("epam_net", "x_shiftnet_rgb", "x_shiftnet_pose"),
    *("posec3d", "x3d_m", "slowonly_r50", "c3d", "timesformer"),
    *("r3d_18", "mc3_18", "r2plus1d_18", "s3d", "mvit_v2_s", "swin3d_t"),
)
"""All are counted, these are timed: a few minutes of every kind. `epam-bench latency` times the rest."""

FAST_MODELS = ("epam_net", "c3d", "posec3d", "x3d_m")
FAST_BACKENDS = ("eager", "fused", "native", "openvino")
"""Besides, these networks are timed in these forms, as far as their libraries are installed."""

TIMING_SECONDS, QUICK_TIMING_SECONDS = 400.0, 60.0
"""Of all timing; a generation of processes that is begun is finished with at least one round."""

TARGET = 0.05
"""Half of the intervals' width, over the ratio: what minutes allow for so many models."""

QUICK_SAMPLES = 5
QUICK_OUTPUT_DIR = DEFAULT_OUTPUT_DIR / "quick"
"""Apart from the whole run's, so that a few quick samples never stand beside its many."""

SHORT_RUNS = "short-ablation"
"""The short ablation's own folder, for these are no networks of `make ablation`; the data are the same."""


def reproduce(
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for records, tables, figures and verdicts.",
            show_default="epam-bench-out; with --quick epam-bench-out/quick",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Seven models and five samples: two minutes, to see it work.")
    ] = False,
    device: Annotated[str, typer.Option(help="Where to time: cpu, cuda, cuda:1 …")] = "cpu",
    threads: Annotated[
        int | None,
        typer.Option(help="CPU threads; by default one a physical core.", min=1, show_default=False),
    ] = None,
    samples: Annotated[
        int, typer.Option(help="Timed calls a model at least, if its share of six minutes allows.", min=2)
    ] = 10,
    training: Annotated[
        bool | None,
        typer.Option(
            "--training/--no-training",
            help="Also train a thin pose, RGB and fused network on drawn people, one seed.",
            show_default="--training; with --quick --no-training",
        ),
    ] = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Reproduce the paper's efficiency table on this machine, judge its claims, and see both streams learn.

    Counts every model by every counter, times fourteen in one interleaved run, four of them also in
    their fast forms, trains a short form of `epam-bench ablation`, and writes tables, figures and verdicts
    into one folder. Records are appended as they are made: run it again and the newest measurement of each
    kind is what the tables show.

    Example: epam-bench reproduce --quick -o try
    """
    from epam_bench.commands.flops import count_all
    from epam_bench.commands.latency import default_threads, time_all
    from epam_bench.commands.output import check_outputs, emit, report_failures, tell
    from epam_bench.plan import plan_counters, plan_models
    from epam_bench.records import AblationTrial, read_records
    from epam_reports.claims import judge_claims
    from epam_reports.report import write_report
    from epam_reports.tables import ablation_table, claims_table, efficiency_table, speed_table

    folder = output_dir or (QUICK_OUTPUT_DIR if quick else DEFAULT_OUTPUT_DIR)
    records_file = folder / RECORDS_NAME
    counted_specs = plan_models(QUICK_MODELS if quick else None)
    timed = _plan_timing(quick=quick, device=device, threads=threads or default_threads())
    check_outputs(records_file, None)
    tell(
        f"counting {len(counted_specs)} models, then timing {len(timed.subjects)} forms; each figure goes to "
        f"{records_file} as it is made",
        *timed.remarks,
    )
    _, failures = count_all(counted_specs, plan_counters("all"), records=records_file)
    outcome = time_all(timed.subjects, _effort(samples, quick=quick), records=records_file)
    failures |= outcome.failures
    interrupted = outcome.interrupted
    if not quick and not interrupted:
        _count_for_claims(records_file)
    wanted = not quick if training is None else training
    if wanted and not interrupted:
        trained = _train_short(folder)
        failures |= trained.failures
        interrupted = trained.interrupted
    records, left_out = read_records(records_file)
    paths = write_report(records, folder, notes=tuple(left_out))
    shown = [efficiency_table(records)]
    if not quick:
        shown.append(speed_table(records))
    shown.append(claims_table(judge_claims(records)))
    if any(isinstance(record, AblationTrial) for record in records):
        shown.append(ablation_table(records))
    emit(
        shown[:1] if output_format is Format.CSV else shown,
        output_format=output_format,
        output=None,
        records=records,
    )
    tell(*(f"wrote {path}" for path in (records_file, *paths)))
    report_failures(failures)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if failures:
        raise typer.Exit(SOME_FAILED)


def _plan_timing(*, quick: bool, device: str, threads: int) -> SubjectPlan:
    """Models as they are; in a whole run, some of them in their fast forms too."""
    from epam_bench.plan import plan_models
    from epam_bench.timing.subject import SubjectPlan, plan_subjects

    plain = plan_subjects(
        plan_models(QUICK_MODELS if quick else TIMED_MODELS), device=device, threads=threads
    )
    if quick:
        return plain
    fast = plan_subjects(plan_models(FAST_MODELS), backends=FAST_BACKENDS, device=device, threads=threads)
    # Forms of one network next to each other: where memory does not hold all, these are to be together.
    others = [subject for subject in plain.subjects if subject.spec.name not in FAST_MODELS]
    return SubjectPlan((*fast.subjects, *others), fast.remarks)


def _effort(samples: int, *, quick: bool) -> Effort:
    from epam_bench.timing.effort import Effort

    if quick:
        return Effort(
            budget_seconds=QUICK_TIMING_SECONDS,
            processes=1,
            samples=QUICK_SAMPLES,
            warmup_calls=1,
            compared_clips=1,
        )
    # What is compared is a call too, and warms up as well as any.
    return Effort(
        target=TARGET, budget_seconds=TIMING_SECONDS, samples=samples, warmup_calls=1, compared_clips=1
    )


def _count_for_claims(records_file: Path) -> None:
    """Count what published claims name besides the catalogue's own inputs."""
    from epam_bench.commands.claims import count_for_claims
    from epam_reports.claims import select_claims
    from epam_reports.published import load_published

    published = load_published()
    count_for_claims(select_claims(published), published, records_file)


def _train_short(folder: Path) -> AblationOutcome:
    """The ablation's three first rows, from one seed, in half the epochs."""
    from epam_bench.ablation import SHORT_VARIANTS
    from epam_bench.commands.ablation import DATA_FOLDER, AblationSettings, ablate

    return ablate(
        AblationSettings(
            root=folder / DATA_FOLDER,
            output=folder,
            seeds=(0,),
            variants=SHORT_VARIANTS,
            runs=SHORT_RUNS,
            size="short",
        )
    )
