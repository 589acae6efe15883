"""Writes a whole report from records: every table and figure, and one page that ties them together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from epam.atomic_file import write_atomically
from epam_bench.records import AnyRecord, Environment, RecordError
from epam_reports.caveats import report_caveats
from epam_reports.claims import judge_claims
from epam_reports.confusion import FIGURE_NAME, confusion_figure
from epam_reports.evaluations import gather_evaluations
from epam_reports.exporters import to_csv, to_json, to_latex, to_markdown
from epam_reports.exporters.markdown import escape
from epam_reports.figures import Drawing, macs_accuracy_figure, macs_latency_figure, render
from epam_reports.published import PublishedNumber, Source, load_published
from epam_reports.table import Table
from epam_reports.tables import (
    ablation_table,
    accuracy_table,
    claims_table,
    classes_table,
    counters_table,
    efficiency_table,
    latency_table,
)

EXPORTERS = {"md": to_markdown, "csv": to_csv, "tex": to_latex, "json": to_json}


def write_report(
    records: Iterable[AnyRecord], output_dir: Path, *, notes: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Write ``report.md``, its tables as md, csv, tex and json, and its figures as svg and png.

    The figures are two of costs, and the confusion matrix of each accuracy record. One that the
    records cannot fill is not written, and one of an earlier report is removed.

    Args:
        records: what was measured; the newest of each setting counts.
        output_dir: made when missing.
        notes: further sentences for the caveats, such as lines of the record file left out.

    Returns:
        What was written, ``report.md`` first.

    Raises:
        RecordError: there is no record.
    """
    known = list(records)
    if not known:
        raise RecordError("no records to report; measure first: epam-bench flops, or epam-bench reproduce")
    numbers = load_published()
    tables = all_tables(known, numbers)
    drawings = [
        drawing for drawing in (macs_latency_figure(known), macs_accuracy_figure(known, numbers)) if drawing
    ]
    confusions = [confusion_figure(evaluation) for evaluation in gather_evaluations(known)]
    _remove_old_figures(output_dir, [*drawings, *confusions])
    written = [*_write_tables(tables, output_dir), *_write_figures([*drawings, *confusions], output_dir)]
    caveats = (*report_caveats(known, numbers), *notes)
    page = _page(known, tables, drawings, confusions, caveats, numbers)
    return (write_atomically(output_dir / "report.md", page), *written)


def all_tables(records: Sequence[AnyRecord], published: Sequence[PublishedNumber]) -> tuple[Table, ...]:
    """The report's tables, in its order."""
    return (
        efficiency_table(records, published),
        claims_table(judge_claims(records, published)),
        counters_table(records, published),
        latency_table(records),
        accuracy_table(records, published),
        classes_table(records),
        ablation_table(records),
    )


_FIGURES = ("macs_latency", "macs_accuracy")


def _remove_old_figures(output_dir: Path, drawings: Sequence[Drawing]) -> None:
    drawn = {drawing.name for drawing in drawings}
    for suffix in ("svg", "png"):
        for path in output_dir.glob(f"*.{suffix}"):
            is_ours = path.stem in _FIGURES or FIGURE_NAME.fullmatch(path.stem)
            if is_ours and path.stem not in drawn:
                path.unlink(missing_ok=True)


def _write_tables(tables: Iterable[Table], output_dir: Path) -> Iterator[Path]:
    for table in tables:
        for suffix, export in EXPORTERS.items():
            yield write_atomically(output_dir / f"{table.name}.{suffix}", export(table))


def _write_figures(drawings: Iterable[Drawing], output_dir: Path) -> Iterator[Path]:
    for drawing in drawings:
        yield write_atomically(output_dir / f"{drawing.name}.svg", render(drawing, "svg"))
        yield write_atomically(output_dir / f"{drawing.name}.png", render(drawing, "png"))


def _page(
    records: Sequence[AnyRecord],
    tables: Sequence[Table],
    drawings: Sequence[Drawing],
    confusions: Sequence[Drawing],
    caveats: Sequence[str],
    numbers: Sequence[PublishedNumber],
) -> str:
    by_name = {table.name: table for table in tables}
    sections = [
        "# EPAM-Net beside its baselines: what was measured here",
        _provenance(records),
        "## Before you trust this\n\n" + _bullets(caveats or ("Nothing to report.",)),
        *(to_markdown(by_name[name]) for name in ("efficiency", "claims")),
        *(_picture(drawing) for drawing in drawings),
        *(
            f"*No {name} figure: {_LACKING[name]}*"
            for name in _FIGURES
            if name not in {d.name for d in drawings}
        ),
        *(to_markdown(by_name[name]) for name in ("counters", "latency", "accuracy")),
        *_classes(by_name["classes"], confusions),
        to_markdown(by_name["ablation"]),
        "## Sources of quoted numbers\n\n" + _bullets(_cite(source) for source in _sources(numbers)),
        "## Files\n\n"
        + _bullets(f"{table.name}: {table.title} ({', '.join(EXPORTERS)})" for table in tables),
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


_LACKING = {
    "macs_latency": "no model has both a count and a latency in the most common setting.",
    "macs_accuracy": "no data set has two models whose accuracy and cost are known at the same views.",
}


def _classes(table: Table, confusions: Sequence[Drawing]) -> Iterator[str]:
    """The confusion matrices; the table of classes, often of hundreds of rows, stays in its own file."""
    if confusions:
        yield f"## What each class is taken for\n\nClass by class: [{table.name}.md]({table.name}.md)."
        yield from (_picture(drawing) for drawing in confusions)


def _provenance(records: Sequence[AnyRecord]) -> str:
    newest = max(records, key=lambda record: record.created)
    environment = newest.environment
    machines = list(dict.fromkeys(_machine(record.environment) for record in records))
    versions = ", ".join(f"{name} {version}" for name, version in sorted(environment.versions.items()))
    commit = environment.git_commit or "unknown"
    words = (
        f"Made from {len(records)} records, the newest of {newest.created:%Y-%m-%d %H:%M} UTC, on "
        f"{_machines_in_words(machines)}. The newest: commit {commit}; {versions}."
    )
    legend = (
        "Measured figures are upright; *quoted* ones are in italics with a dagger (†). One multiply-add "
        "is one MAC and two FLOPs. A view is one forward pass; a video's cost is that of all the views "
        "behind its accuracy."
    )
    return f"{escape(words)}\n\n{legend}"


def _machines_in_words(machines: Sequence[str]) -> str:
    return machines[0] if len(machines) == 1 else f"{len(machines)} machines: {'; '.join(machines)}"


def _machine(environment: Environment) -> str:
    chips = " + ".join(part for part in (environment.processor, environment.accelerator) if part)
    return (
        f"{chips} ({environment.physical_cores or '?'} cores, {environment.logical_cores or '?'} threads, "
        f"{environment.memory_bytes / 1024**3:.0f} GiB, {environment.system})"
    )


def _picture(drawing: Drawing) -> str:
    alternative = drawing.name.replace("_", "–")
    return f"![{alternative}]({drawing.name}.svg)\n\n{escape(drawing.caption)}"


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences)


def _sources(numbers: Iterable[PublishedNumber]) -> list[Source]:
    return list({number.source.id: number.source for number in numbers}.values())


def _cite(source: Source) -> str:
    link = f": {source.url}" if source.url else ""
    return f"{source.title} ({source.kind}){link}"
