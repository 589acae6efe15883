"""`epam-bench latency`: models in their forms timed against each other, each shown to be right first."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epam_bench.commands.options import (
    DEFAULT_RECORDS,
    INTERRUPTED,
    NOTHING_MEASURED,
    SOME_FAILED,
    Format,
    FormatOption,
    Inputs,
    Models,
    OutputFile,
    PluginFolder,
    RecordsFile,
)

if TYPE_CHECKING:
    from epam_baselines import ModelSpec
    from epam_bench.latency import Outcome
    from epam_bench.records import AnyRecord, CountRecord
    from epam_bench.timing.effort import Effort, Limits
    from epam_bench.timing.subject import Subject


class TaskChoice(StrEnum):
    """What one call does."""

    INFERENCE = "inference"
    TRAINING = "training"


def latency(
    models: Models = None,
    backend: Annotated[
        str,
        typer.Option(
            help="What runs the network, several with commas: reference, eager, fused, native, compile, "
            "onnxruntime, openvino, cudagraph, tensorrt."
        ),
    ] = "eager",
    precision: Annotated[
        str, typer.Option(help="Of the arithmetic, several with commas: fp32, bf16, fp16, int8.")
    ] = "fp32",
    batch_size: Annotated[
        list[str] | None,
        typer.Option(help="Clips a call; several as 1,8,32.", show_default="1, or that of --input"),
    ] = None,
    task: Annotated[
        TaskChoice, typer.Option(help="A forward pass, or a step of training (forward, backward, update).")
    ] = TaskChoice.INFERENCE,
    device: Annotated[str, typer.Option(help="cpu, cuda, or cuda:1 …")] = "cpu",
    threads: Annotated[
        int | None,
        typer.Option(help="CPU threads; by default one a physical core.", min=1, show_default=False),
    ] = None,
    target: Annotated[
        float,
        typer.Option(help="Stop when every ratio is known to ± so many per cent (half its 95 % interval)."),
    ] = 2.0,
    budget: Annotated[
        float | None,
        typer.Option(
            help="Start nothing new after so many seconds, compiling included; each row gets a turn.",
            min=0,
            show_default="40 a row, at least 180",
        ),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(help="Start each row afresh so many times at least; an interval needs three.", min=1),
    ] = 3,
    samples: Annotated[
        int,
        typer.Option(
            help="Timed calls a row at least; 64 give a p90, 662 a p99. The budget goes first.", min=1
        ),
    ] = 20,
    warmup: Annotated[int, typer.Option(help="Untimed calls of each process before that.", min=1)] = 3,
    timeout: Annotated[
        float,
        typer.Option(
            help="Give up a row that takes so many seconds to get ready (compiling included).", min=1
        ),
    ] = 900,
    l2_cold: Annotated[
        bool, typer.Option("--l2-cold", help="Empty the caches before every timed call.")
    ] = False,
    clip: Annotated[
        str | None,
        typer.Option(help="Another clip size, frames×height×width, e.g. 8x160x160.", show_default=False),
    ] = None,
    inputs: Inputs = None,
    plugins: PluginFolder = None,
    records: RecordsFile = DEFAULT_RECORDS,
    output_format: FormatOption = Format.TABLE,
    output: OutputFile = None,
) -> None:
    """Time models, and forms of one model, against each other: median, interval, ratio, memory.

    First each form shows that it is right: its logits are compared with the network's own in float64, and
    none that is off is timed. Then every row has a process of its own. They take turns in random order,
    one at a time, so that a noisy minute hits them all; and because the next process may be a little faster
    or slower for good, they are started afresh at least three times. That goes on until every ratio's 95 %
    interval is as narrow as --target, or --budget is spent; of a row alone, its median's, for two and a half
    minutes at least unless --budget is given. A row that crashes, hangs or runs out of memory
    costs only itself. Ctrl-C, or a scheduler's SIGTERM, keeps what was measured; a run that is killed without
    warning (kill -9) leaves nothing, for rows take turns until the end.

    A form's ratio is to its network's plain 3-D twin where there is one (EPAM-Net and its streams; timed
    along when several backends are asked for), else to its eager form; a network's, in its fastest form, to
    the first network's. Verdict: faster, slower, same, or cannot tell, and the smallest difference that the
    run could see.

    Example: epam-bench latency epam_net c3d --backend eager,fused,openvino

    On a GPU, both precisions: epam-bench latency epam_net --device cuda --backend eager,cudagraph --precision
    fp32,fp16 --batch-size 1,8,32

    Training: epam-bench latency epam_net --task training --backend eager,fused --batch-size 2

    Beside a model of your own: epam-bench latency c3d my_models:net --input clip=1x3x16x112x112

    A quick look, not to be quoted: epam-bench latency c3d --processes 1 --budget 10
    """
    from epam_bench.commands.model_choice import choose_models
    from epam_bench.commands.output import check_outputs, emit, report_failures, tell
    from epam_bench.plan import parse_batch_sizes, parse_names
    from epam_bench.timing.effort import Effort, Limits
    from epam_bench.timing.subject import plan_subjects
    from epam_reports.tables import timing_tables

    specs, given_batch_size = choose_models(models, clip, inputs, plugins)
    plan = plan_subjects(
        specs,
        backends=parse_names("--backend", backend),
        precisions=parse_names("--precision", precision),
        batch_sizes=parse_batch_sizes(batch_size or [str(given_batch_size or 1)]),
        task=task.value,
        device=device,
        threads=threads or default_threads(),
        l2_cold=l2_cold,
    )
    effort = Effort(
        target=target / 100,
        budget_seconds=budget,
        processes=processes,
        samples=samples,
        warmup_calls=warmup,
    )
    check_outputs(records, output)
    tell(*plan.remarks)
    outcome = time_all(plan.subjects, effort, records=records, limits=Limits(prepare_seconds=timeout))
    if outcome.records:
        known = [*_read_known(records)]
        if not outcome.interrupted:
            known += _count_unknown([subject.spec for subject in plan.subjects], known, records)
        tables = timing_tables(outcome.records, known)
        emit(
            tables[:1] if output_format is Format.CSV else tables,
            output_format=output_format,
            output=output,
            records=outcome.records,
        )
    report_failures(outcome.failures)
    if outcome.interrupted:
        if not outcome.records:
            tell("stopped before any row was timed: nothing was written")
        raise typer.Exit(INTERRUPTED)
    if outcome.failures:
        raise typer.Exit(SOME_FAILED if outcome.records else NOTHING_MEASURED)


def _read_known(path: Path) -> Sequence[AnyRecord]:
    """What a record file holds; one that cannot be read is told, and costs no row that was just timed."""
    from epam_bench.commands.output import tell
    from epam_bench.records import RecordError, read_records

    try:
        return read_records(path)[0]
    except RecordError as error:
        tell(str(error))
        return ()


def _count_unknown(
    specs: Sequence[ModelSpec], known: Sequence[AnyRecord], records: Path
) -> Sequence[CountRecord]:
    """Count the multiply-adds of networks that were timed beside others, unless they are on record.

    A second a network; one that cannot be counted is only without its share of the MAC ratio.
    """
    from epam_bench.commands.flops import count_all
    from epam_bench.plan import plan_counters
    from epam_bench.records import CountRecord

    counted = {
        (record.model.name, tuple(record.model.inputs.items()))
        for record in known
        if isinstance(record, CountRecord)
    }
    by_name = {spec.name: spec for spec in specs}
    if len(by_name) < 2:
        return ()
    lacking = [spec for spec in by_name.values() if (spec.name, tuple(spec.inputs.items())) not in counted]
    return count_all(lacking, plan_counters("consensus"), records=records)[0]


def time_all(
    subjects: Sequence[Subject], effort: Effort, *, records: Path, limits: Limits | None = None
) -> Outcome:
    """Time the subjects in one run and append their records, also when the user stops it half-way."""
    from epam_bench.commands.output import timed_progress
    from epam_bench.latency import measure_latency
    from epam_bench.records import append_record

    with timed_progress("Timing", effort.budget_for(len(subjects))) as advance:
        outcome = measure_latency(subjects, effort=effort, limits=limits, report=advance)
    for record in outcome.records:
        append_record(records, record)
    return outcome


def default_threads() -> int:
    """One thread a physical core, as PyTorch itself starts."""
    import torch

    return torch.get_num_threads()
