"""`epam-bench latency`: forward passes timed, models interleaved."""

from __future__ import annotations

from collections.abc import Sequence
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
    from epam_bench.devices import Setting
    from epam_bench.latency import Outcome


def latency(
    models: Models = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or cuda:1 …")] = "cpu",
    batch_size: Annotated[
        list[str] | None,
        typer.Option(help="Clips a call; several as 1,8,32.", show_default="1, or that of --input"),
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32, bf16 or fp16: weights and inputs.")] = "fp32",
    threads: Annotated[
        int | None,
        typer.Option(help="CPU threads; by default one a physical core.", min=1, show_default=False),
    ] = None,
    samples: Annotated[int, typer.Option(help="Timed calls a model; 64 or more give a p90.", min=2)] = 20,
    warmup: Annotated[int, typer.Option(help="Untimed calls a model before that.", min=1)] = 3,
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
    """Time the forward pass: median, quartiles, clips a second, peak memory.

    Models take turns in random order, so that a noisy minute hits them all; warm-up and device
    synchronisation cannot be switched off.

    Example: epam-bench latency epam_net c3d --threads 2 --samples 64 --batch-size 1,4

    Beside a model of your own: epam-bench latency c3d my_models:net --input clip=1x3x16x112x112
    """
    from epam_bench.commands.model_choice import choose_models
    from epam_bench.commands.output import check_outputs, emit, report_failures
    from epam_bench.devices import Setting
    from epam_bench.plan import parse_batch_sizes
    from epam_reports.tables import latency_table

    specs, given_batch_size = choose_models(models, clip, inputs, plugins)
    settings = [
        Setting(device, precision, size, threads or default_threads())  # type: ignore[arg-type]  # it checks
        for size in parse_batch_sizes(batch_size or [str(given_batch_size or 1)])
    ]
    check_outputs(records, output)
    outcomes: list[Outcome] = []
    for setting in settings:
        outcomes.append(time_all(specs, setting, samples=samples, warmup=warmup, records=records))
        if outcomes[-1].interrupted:
            break
    timed = [record for outcome in outcomes for record in outcome.records]
    if timed:
        emit([latency_table(timed)], output_format=output_format, output=output, records=timed)
    for outcome in outcomes:
        report_failures(outcome.failures)
    if outcomes[-1].interrupted:
        raise typer.Exit(INTERRUPTED)
    if any(outcome.failures for outcome in outcomes):
        raise typer.Exit(SOME_FAILED if timed else NOTHING_MEASURED)


def time_all(
    specs: Sequence[ModelSpec], setting: Setting, *, samples: int, warmup: int, records: Path
) -> Outcome:
    """Time the models in one run and append their records, also when the user stops it half-way."""
    from epam_bench.commands.output import progress
    from epam_bench.latency import count_steps, measure_latency
    from epam_bench.records import append_record

    with progress("Timing", count_steps(len(specs), warmup_calls=warmup, samples=samples)) as advance:
        outcome = measure_latency(specs, setting, samples=samples, warmup_calls=warmup, report=advance)
    for record in outcome.records:
        append_record(records, record)
    return outcome


def default_threads() -> int:
    """One thread a physical core, as PyTorch itself starts."""
    import torch

    return torch.get_num_threads()
