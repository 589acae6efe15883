"""`epam-bench flops`: parameters and multiply-adds, by several counters side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epam.errors import InputError
from epam_bench.commands.options import (
    DEFAULT_RECORDS,
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
    from epam_bench.counters import Counter
    from epam_bench.records import CountRecord
    from epam_reports.table import Table


def flops(
    models: Models = None,
    counter: Annotated[str, typer.Option(help="consensus, torch, fvcore, thop, or all of them.")] = "all",
    by_module: Annotated[bool, typer.Option("--by-module", help="Also split each model by module.")] = False,
    ledger: Annotated[
        bool,
        typer.Option(
            "--ledger", help="Also what is computed and moved by each kind of operation (consensus keeps it)."
        ),
    ] = False,
    depth: Annotated[int, typer.Option(help="How deep --by-module goes.", min=1)] = 2,
    clip: Annotated[
        str | None,
        typer.Option(
            help="Another clip size, frames×height×width, e.g. 8x160x160. Of the RGB input; of the "
            "heatmaps where a network sees only those.",
            show_default=False,
        ),
    ] = None,
    inputs: Inputs = None,
    num_classes: Annotated[
        int | None,
        typer.Option(help="Classes; by default the published checkpoint's.", min=1, show_default=False),
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(
            help="Views a video; by default clips × crops of the published accuracy.",
            min=1,
            show_default=False,
        ),
    ] = None,
    fps: Annotated[float, typer.Option(help="Frames in a second of video.", min=1.0, max=1000.0)] = 30.0,
    plugins: PluginFolder = None,
    records: RecordsFile = DEFAULT_RECORDS,
    output_format: FormatOption = Format.TABLE,
    output: OutputFile = None,
) -> None:
    """Count parameters and multiply-adds of one clip (one view), of a video and of a second of it.

    One multiply-add is one MAC and two FLOPs. Disagreements above 1 % are marked, with the
    operations that a counter could not count.

    Example: epam-bench flops epam_net c3d --by-module --depth 1

    A model of your own: epam-bench flops my_models:two_stream --input rgb=1x3x16x224x224 --input
    pose=1x17x48x56x56
    """
    from epam_bench.commands.model_choice import choose_models
    from epam_bench.commands.output import check_outputs, emit, kept_when_stopped, report_failures, tell
    from epam_bench.plan import plan_counters
    from epam_reports.tables import counters_table

    if by_module and ledger and output_format is Format.CSV:
        raise InputError("--by-module and --ledger are two tables, and CSV holds one: give one of them")
    counters = plan_counters(counter)
    specs, batch_size = choose_models(models, clip, inputs, plugins)
    check_outputs(records, output)
    if batch_size is not None and batch_size > 1:
        tell(f"counted is one clip, not the {batch_size} of --input's batch")
    with kept_when_stopped(records, f"epam-bench tables --table counters --from {records}"):
        counted, failures = count_all(
            specs, counters, records=records, num_classes=num_classes, by_module=by_module
        )
    tables = [counters_table(counted, views=views, fps=fps)]
    asked: list[Table] = []
    if by_module:
        from epam_reports.tables.modules import modules_table

        asked.append(modules_table(counted, depth=depth))
    if ledger:
        from epam_reports.tables.ledger import ledger_table

        asked.append(ledger_table(counted))
    # One CSV holds one table, and the split was asked for.
    tables = asked if asked and output_format is Format.CSV else tables + asked
    if counted:
        emit(tables, output_format=output_format, output=output, records=counted)
    report_failures(failures)
    if failures:
        raise typer.Exit(SOME_FAILED if counted else NOTHING_MEASURED)


def count_all(
    specs: Sequence[ModelSpec],
    counters: Sequence[Counter],
    *,
    records: Path,
    num_classes: int | None = None,
    by_module: bool = False,
) -> tuple[list[CountRecord], dict[str, str]]:
    """Count every model by every counter, each record written as it is made; failures by name."""
    from epam_bench.commands.output import progress
    from epam_bench.counting import BuiltModel, count_model
    from epam_bench.records import append_record

    counted: list[CountRecord] = []
    failures: dict[str, str] = {}
    with progress("Counting", len(specs) * len(counters)) as advance:
        for spec in specs:
            built = BuiltModel(spec, num_classes)
            for counter in counters:
                advance(f"{spec.name} by {counter.name}")
                try:
                    record = count_model(spec, counter, by_module=by_module, built=built)
                except InputError as error:
                    # The network refuses the input: no other counter will fare better.
                    failures[spec.name] = str(error).removeprefix(f"{spec.name}: ")
                    break
                # A model or a counter that fails costs its own cell, not the table.
                except Exception as error:
                    failures[f"{spec.name} by {counter.name}"] = str(error).partition("\n")[0]
                    continue
                append_record(records, record)
                counted.append(record)
    return counted, failures
