"""`epam-bench compare`: two record files' latencies, and whether anything got slower."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from epam.errors import InputError, UnknownNameError
from epam_bench.commands.options import Format, FormatOption, OutputFile

GOT_SLOWER = 1
"""Exit status where something is slower by more than the threshold."""


def compare(
    old: Annotated[Path, typer.Argument(help="Records of before.")],
    new: Annotated[Path, typer.Argument(help="Records of now.")],
    fail_on: Annotated[
        str | None,
        typer.Option(
            help="Exit with status 1 if a model is slower by more than this: if the whole 95 % interval of "
            "its ratio is above 1 + this share, as 5% or 0.05.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Compare only this one; may be repeated.", show_default=False),
    ] = None,
    output_format: FormatOption = Format.TABLE,
    output: OutputFile = None,
) -> None:
    """Compare the latencies in two record files.

    Paired are latencies of the same model, input, device, precision, batch, backend, threads and task; of
    several in one file the newest counts. Of two machines they are compared too, and that is said: it may be
    the machine that is slower. Exit status: 0, or 1 if --fail-on is given and something got slower by more,
    or 2 if the files cannot be compared. What is not known so closely, or is in the old file only, is named
    on standard error and fails nothing.

    Example: epam-bench compare before.jsonl after.jsonl --fail-on 5%
    """
    from epam_bench.commands.output import check_place, emit, tell
    from epam_bench.records import LatencyRecord, read_records
    from epam_reports.tables.latency_change import describe_machines, latency_change_table, pair_latencies

    threshold = None if fail_on is None else parse_share(fail_on)
    check_place(output)
    latencies: list[list[LatencyRecord]] = []
    for path in (old, new):
        records, left_out = read_records(path)
        tell(*left_out)
        latencies.append([record for record in records if isinstance(record, LatencyRecord)])
    known = {record.model.name for records in latencies for record in records}
    for name in model or ():
        if name not in known:
            raise UnknownNameError("model in these files", name, known)
    if model:
        latencies = [[one for one in records if one.model.name in model] for records in latencies]
    changes = pair_latencies(*latencies)
    if not changes.changes:
        raise InputError(
            f"{old} and {new} have no latency of the same model, input and setting; measure the same in both"
        )
    compared = [record for change in changes.changes for record in (change.old, change.new)]
    emit([latency_change_table(changes)], output_format=output_format, output=output, records=compared)
    if threshold is None:
        return
    tell(*describe_machines(changes.changes))
    slower = [change for change in changes.changes if change.is_slower_by(threshold)]
    for change in slower:
        low, high = change.comparison.interval
        tell(
            f"slower by more than {100 * threshold:g} %: {change.new.model.name} ({change.new.backend}, "
            f"{change.new.precision}, batch {change.new.batch_size}), ratio {change.comparison.ratio:.3f} "
            f"[{low:.3f}, {high:.3f}]"
        )
    for change in changes.changes:
        if change not in slower and change.comparison.smallest_detectable > threshold:
            tell(
                f"not known: {change.new.model.name} ({change.new.backend}, {change.new.precision}, batch "
                f"{change.new.batch_size}) may be slower by more than {100 * threshold:g} % unseen; time it "
                "longer, with a smaller --target and at least 3 --processes, in both files"
            )
    for record in changes.only_old:
        tell(f"not compared: {record.model.name} ({record.backend}, {record.precision}) is not in {new}")
    if slower:
        raise typer.Exit(GOT_SLOWER)


def parse_share(text: str) -> float:
    """``5%`` or ``0.05`` → 0.05.

    Raises:
        InputError: no number, or one that is no share: 5 without a sign is no 5 %.
    """
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share < (math.inf if percent else 1):
        raise InputError(f"--fail-on {text!r}: write a share as 5% or 0.05")
    return share
