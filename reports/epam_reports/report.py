"""Writes a whole report from records: every table and figure, and one page that ties them together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from epam.atomic_file import write_atomically
from epam_bench.records import AnyRecord, Environment, RecordError, RooflineRecord
from epam_reports.caveats import report_caveats
from epam_reports.claims import judge_claims
from epam_reports.confusion import FIGURE_NAME as CONFUSION_NAME
from epam_reports.confusion import confusion_figure
from epam_reports.evaluations import gather_evaluations
from epam_reports.exporters import (
    page_to_html,
    page_to_markdown,
    to_csv,
    to_html,
    to_json,
    to_latex,
    to_markdown,
)
from epam_reports.figures import Drawing, macs_accuracy_figure, macs_latency_figure, render
from epam_reports.measurements import newest
from epam_reports.page import Block, Bullets, Heading, Page, Paragraph, Picture, Pointer
from epam_reports.protocols import PAPER_DATA_SETS
from epam_reports.published import PublishedNumber, Source, load_published
from epam_reports.roofline_figure import FIGURE_NAME as ROOFLINE_NAME
from epam_reports.roofline_figure import roofline_figure
from epam_reports.table import Table
from epam_reports.tables import (
    ablation_table,
    accuracy_table,
    best_backends_table,
    claims_table,
    classes_table,
    counters_table,
    data_set_table,
    efficiency_table,
    latency_table,
    memory_table,
    pipeline_steps_table,
    pipeline_table,
    printed_costs_table,
    roofline_table,
    speed_table,
)

EXPORTERS = {"md": to_markdown, "html": to_html, "csv": to_csv, "tex": to_latex, "json": to_json}


def write_report(
    records: Iterable[AnyRecord], output_dir: Path, *, notes: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Write ``report.md`` and ``report.html``, every table in every format, and figures as svg and png.

    The figures are two of costs, the roofline of each network that was taken apart, and the confusion
    matrix of each accuracy record. One that the records cannot fill is not written, and one of an earlier
    report is removed.

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
    costs = [
        drawing for drawing in (macs_latency_figure(known), macs_accuracy_figure(known, numbers)) if drawing
    ]
    confusions = [confusion_figure(evaluation) for evaluation in gather_evaluations(known)]
    rooflines = [roofline_figure(record) for record in newest(known, RooflineRecord)]
    drawings = [*costs, *rooflines, *confusions]
    pictures = {drawing.name: _picture(drawing) for drawing in drawings}
    _remove_old_figures(output_dir, drawings)
    written = [*_write_tables(tables, output_dir), *_write_figures(drawings, pictures, output_dir)]
    caveats = (*report_caveats(known, numbers), *notes)
    page = _page(
        known,
        {table.name: table for table in tables},
        pictures={name: picture for name, picture in pictures.items() if name in _FIGURES},
        rooflines=tuple(pictures[drawing.name] for drawing in rooflines),
        confusions=tuple(pictures[drawing.name] for drawing in confusions),
        caveats=caveats,
        numbers=numbers,
    )
    return (
        write_atomically(output_dir / "report.md", page_to_markdown(page)),
        write_atomically(output_dir / "report.html", page_to_html(page)),
        *written,
    )


def all_tables(records: Sequence[AnyRecord], published: Sequence[PublishedNumber]) -> tuple[Table, ...]:
    """The report's tables, in its order."""
    return (
        efficiency_table(records, published),
        claims_table(judge_claims(records, published)),
        printed_costs_table(records, published),
        *(data_set_table(records, dataset, published) for dataset in PAPER_DATA_SETS),
        counters_table(records, published),
        latency_table(records),
        speed_table(records),
        best_backends_table(records),
        memory_table(records),
        roofline_table(records),
        pipeline_table(records),
        pipeline_steps_table(records),
        accuracy_table(records, published),
        classes_table(records),
        ablation_table(records),
    )


_FIGURES = ("macs_latency", "macs_accuracy")
_FIGURES_BY_RECORD = (ROOFLINE_NAME, CONFUSION_NAME)


def _remove_old_figures(output_dir: Path, drawings: Sequence[Drawing]) -> None:
    drawn = {drawing.name for drawing in drawings}
    for suffix in ("svg", "png"):
        for path in output_dir.glob(f"*.{suffix}"):
            is_ours = path.stem in _FIGURES or any(name.fullmatch(path.stem) for name in _FIGURES_BY_RECORD)
            if is_ours and path.stem not in drawn:
                path.unlink(missing_ok=True)


def _write_tables(tables: Iterable[Table], output_dir: Path) -> Iterator[Path]:
    for table in tables:
        for suffix, export in EXPORTERS.items():
            yield write_atomically(output_dir / f"{table.name}.{suffix}", export(table))


def _write_figures(
    drawings: Iterable[Drawing], pictures: Mapping[str, Picture], output_dir: Path
) -> Iterator[Path]:
    for drawing in drawings:
        yield write_atomically(output_dir / f"{drawing.name}.svg", pictures[drawing.name].svg)
        yield write_atomically(output_dir / f"{drawing.name}.png", render(drawing, "png"))


def _picture(drawing: Drawing) -> Picture:
    return Picture(drawing.name, drawing.caption, render(drawing, "svg"))


_LEGEND = (
    "Measured figures are upright; quoted ones are in italics with a dagger (†). One multiply-add is one MAC "
    "and two FLOPs. A view is one forward pass; a video's cost is that of all the views behind its accuracy. "
    "epam-bench explain TABLE:ROW:COLUMN says what any cell rests on."
)


def _page(
    records: Sequence[AnyRecord],
    tables: Mapping[str, Table],
    *,
    pictures: Mapping[str, Picture],
    rooflines: Sequence[Picture],
    confusions: Sequence[Picture],
    caveats: Sequence[str],
    numbers: Sequence[PublishedNumber],
) -> Page:
    missing = [Paragraph(f"No {name} figure: {_LACKING[name]}") for name in _FIGURES if name not in pictures]
    files = (f"{table.name}: {table.title} ({', '.join(EXPORTERS)})" for table in tables.values())
    blocks: tuple[Block, ...] = (
        Paragraph(_provenance(records)),
        Paragraph(_LEGEND),
        Heading("Before you trust this"),
        Bullets(tuple(caveats) or ("Nothing to report.",)),
        *(tables[name] for name in ("efficiency", "claims", "printed_costs", *PAPER_DATA_SETS)),
        *pictures.values(),
        *missing,
        *(tables[name] for name in ("counters", "latency", "speed", "best_backends", "memory", "roofline")),
        *rooflines,
        *(tables[name] for name in ("pipeline", "pipeline_steps", "accuracy")),
        *_classes(tables["classes"], confusions),
        tables["ablation"],
        Heading("Sources of quoted numbers"),
        Bullets(tuple(_cite(source) for source in _sources(numbers))),
        Heading("Files"),
        Bullets(tuple(files)),
    )
    return Page("EPAM-Net beside its baselines: what was measured here", blocks)


_LACKING = {
    "macs_latency": "no model has both a count and a latency in the most common setting.",
    "macs_accuracy": "no data set has two models whose accuracy and cost are known at the same views.",
}


def _classes(table: Table, confusions: Sequence[Picture]) -> Iterator[Block]:
    """The confusion matrices; the table of classes, often of hundreds of rows, stays in its own file."""
    if confusions:
        yield Heading("What each class is taken for")
        yield Pointer("Class by class:", table.name)
        yield from confusions


def _provenance(records: Sequence[AnyRecord]) -> str:
    newest = max(records, key=lambda record: record.created)
    environment = newest.environment
    machines = list(dict.fromkeys(_machine(record.environment) for record in records))
    versions = ", ".join(f"{name} {version}" for name, version in sorted(environment.versions.items()))
    commit = environment.git_commit or "unknown"
    return (
        f"Made from {len(records)} records, the newest of {newest.created:%Y-%m-%d %H:%M} UTC, on "
        f"{_machines_in_words(machines)}. The newest: commit {commit}; {versions}."
    )


def _machines_in_words(machines: Sequence[str]) -> str:
    return machines[0] if len(machines) == 1 else f"{len(machines)} machines: {'; '.join(machines)}"


def _machine(environment: Environment) -> str:
    chips = " + ".join(part for part in (environment.processor, environment.accelerator) if part)
    return (
        f"{chips} ({environment.physical_cores or '?'} cores, {environment.logical_cores or '?'} threads, "
        f"{environment.memory_bytes / 1024**3:.0f} GiB, {environment.system})"
    )


def _sources(numbers: Iterable[PublishedNumber]) -> list[Source]:
    return list({number.source.id: number.source for number in numbers}.values())


def _cite(source: Source) -> str:
    link = f": {source.url}" if source.url else ""
    return f"{source.title} ({source.kind}){link}"
