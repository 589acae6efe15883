"""`epam-bench claims`: published costs and accuracies, re-derived and judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epam_bench.commands.options import (
    DEFAULT_RECORDS,
    Format,
    FormatOption,
    FromRecords,
    OutputFile,
    PluginFolder,
    RecordsFile,
)

if TYPE_CHECKING:
    from epam_baselines import ModelSpec
    from epam_bench.records import AnyRecord, CountRecord
    from epam_reports.claims import ClaimVerdict, CountRequest
    from epam_reports.published import PublishedNumber


def claims(
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Only the claims of this source, by its id; may be repeated. See --list-sources.",
            show_default=False,
        ),
    ] = None,
    verdict: Annotated[
        list[str] | None,
        typer.Option(
            help='Only those that came to this verdict, such as "does not hold"; may be repeated.',
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Only those about this model, as the catalogue or the source names it; may be repeated.",
            show_default=False,
        ),
    ] = None,
    list_sources: Annotated[
        bool, typer.Option("--list-sources", help="Print the sources, with how many claims each has.")
    ] = False,
    numbers: Annotated[
        Path | None,
        typer.Option(
            help="Judge the claims of this file instead, a CSV with the columns of published/numbers.csv.",
            show_default=False,
        ),
    ] = None,
    number_sources: Annotated[
        Path | None,
        typer.Option(
            help="The sources that --numbers names, a TOML file like published/sources.toml.",
            show_default=False,
        ),
    ] = None,
    plugins: PluginFolder = None,
    from_records: FromRecords = None,
    records: RecordsFile = DEFAULT_RECORDS,
    output_format: FormatOption = Format.TABLE,
    output: OutputFile = None,
) -> None:
    """Judge what others published: 8.1 G and 72.8× fewer, and a few hundred more.

    Each is worked out again from our own counts under every known convention, for one view and for
    all, as MACs and as FLOPs, at the printed input and at those near by. Without --from, every model
    and input that a claim names is counted now, without running anything. In a file of your own a
    catalogue_name may also be a plug-in's, or package.module:factory.

    Example: epam-bench claims --source EPAM-TABLE1 --source EPAM-ABS-v2

    Example: epam-bench claims --model x3d_m --verdict "does not hold" -f json
    """
    from epam_bench.commands.output import check_place, emit, kept_when_stopped
    from epam_reports.claims import judge_claims, select_claims
    from epam_reports.published import load_published
    from epam_reports.tables import claims_table

    published = load_published(numbers, number_sources)
    chosen = select_claims(published)
    _check_names(chosen, source, verdict, model)
    check_place(output)
    if list_sources:
        from epam_reports.tables.claim_verdicts import sources_table

        emit([sources_table(chosen)], output_format=output_format, output=output)
        return
    claimed = select_claims(published, source, model)
    if from_records:
        known = _read(from_records)
    else:
        with kept_when_stopped(records, f"epam-bench claims --from {records}"):
            known = count_for_claims(claimed, published, records, plugins)
    judged = judge_claims(known, published, source, model)
    kept = [result for result in judged if not verdict or result.verdict.value in verdict]
    emit([claims_table(kept)], output_format=output_format, output=output, records=known)


def _check_names(
    chosen: Sequence[PublishedNumber],
    sources: list[str] | None,
    verdicts: list[str] | None,
    models: list[str] | None,
) -> None:
    """Refuse names that would select nothing, before anything is counted."""
    from epam.errors import UnknownNameError
    from epam_reports.claims import Verdict

    names = {name for claim in chosen for name in (claim.counted_name, claim.model) if name}
    for kind, given, known in (
        ("source", sources, {claim.source.id for claim in chosen}),
        ("verdict", verdicts, {verdict.value for verdict in Verdict}),
        ("model", models, names),
    ):
        for name in given or ():
            if name not in known:
                raise UnknownNameError(kind, name, known)


def _read(path: Path) -> list[AnyRecord]:
    from epam_bench.commands.output import tell
    from epam_bench.records import read_records

    records, left_out = read_records(path)
    tell(*left_out)
    return records


def count_for_claims(
    claimed: Sequence[PublishedNumber],
    published: Sequence[PublishedNumber],
    file: Path,
    plugins: Path | None = None,
) -> list[AnyRecord]:
    """Count what the claims name; what is near, where a claim does not simply hold; then what is far.

    Args:
        claimed: the claims that are to be judged.
        published: those and their operands.
        file: every count is appended to it as it is made.
        plugins: folder of further models that claims may name.
    """
    from epam_bench.commands.output import report_failures
    from epam_bench.plan import plan_plugins
    from epam_bench.records import check_writable
    from epam_reports.claims import far_requests, judge_these, near_by_requests, stated_requests

    check_writable(file)
    found = plan_plugins(plugins)
    report_failures(found.problems)
    counted: list[AnyRecord] = []
    asked: set[object] = set()

    def answer(requests: Sequence[CountRequest], title: str) -> Sequence[ClaimVerdict]:
        new = [request for request in requests if request.key not in asked]
        asked.update(request.key for request in new)
        counted.extend(_answer(new, found.specs, file, title))
        return judge_these(counted, claimed, published)

    judged = answer(stated_requests(claimed, published), "Counting")
    judged = answer(near_by_requests(claimed, judged, published), "Near by")
    answer(far_requests(claimed, judged), "Further off")
    return counted


def _answer(
    requests: Sequence[CountRequest], plugins: Sequence[ModelSpec], file: Path, title: str
) -> list[AnyRecord]:
    """One count a request by our own counter, each written as it is made.

    A network that refuses an input which nobody claims needs no word.
    """
    from epam.errors import UnknownNameError
    from epam_baselines import list_models
    from epam_baselines.custom_models import is_import_path
    from epam_bench.commands.output import progress, report_failures
    from epam_bench.records import append_record

    names = {*list_models(), *(spec.name for spec in plugins)}
    known = [request for request in requests if request.name in names or is_import_path(request.name)]
    counted: list[AnyRecord] = []
    failures: dict[str, str] = {
        request.name: str(UnknownNameError("model", request.name, names))
        for request in requests
        if request not in known
    }
    with progress(title, len(known)) as advance:
        for request in known:
            advance(request.name)
            try:
                record = _count_one(request, plugins)
            # One network that cannot be counted costs its own claims, not all of them.
            except Exception as error:
                if request.likely:
                    failures[request.name] = str(error).partition("\n")[0]
                continue
            append_record(file, record)
            counted.append(record)
    report_failures(failures)
    return counted


def _count_one(request: CountRequest, plugins: Sequence[ModelSpec]) -> CountRecord:
    """Count one model at one input, built with the options that the claim needs."""
    from dataclasses import replace
    from functools import partial

    from epam_bench.counters import get_counter
    from epam_bench.counting import count_model
    from epam_bench.plan import plan_models

    inputs = {name: (1, *shape) for name, shape in (request.inputs or {}).items()}
    (spec,) = plan_models([request.name], inputs=inputs or None, plugins=plugins)
    if request.build_options:
        spec = replace(spec, build=partial(spec.build, **spec.check_options(request.build_options)))
    return count_model(spec, get_counter("consensus"))
