"""`epam-data check`: a prepared folder held against its data set."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from epam.data.commands.options import (
    SOMETHING_WRONG,
    DatasetArgument,
    RootOption,
    WorkersOption,
    choose_workers,
    print_problems,
    stop_told,
)
from epam.data.commands.progress import show_progress

if TYPE_CHECKING:
    from epam.data.preparation.checking import CheckReport
    from epam.data.preparation.split_checks import PartCount


def check(
    dataset: DatasetArgument,
    root: RootOption,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol", "-p", help="Look at this one; by default at all with splits.", show_default=False
        ),
    ] = None,
    skeletons_only: Annotated[
        bool, typer.Option("--skeletons-only", help="Leave the videos out, for pose alone.")
    ] = False,
    workers: WorkersOption = None,
) -> None:
    """Check counts, splits and labels, decode every video, and write DIR/manifest.json.

    Exits with 3 if anything is wrong; the manifest lists all of it.

    Example: epam-data check ntu60 --root data/ntu60
    """
    from epam.data.data_root import STORE_FOLDER, check_root
    from epam.data.datasets import get_dataset
    from epam.data.preparation.checking import MANIFEST_FILE, check_folder
    from epam.data.store import SkeletonStore

    chosen = get_dataset(dataset)
    check_root(root, chosen.name)
    total = 0 if skeletons_only else len(SkeletonStore.open(root / STORE_FOLDER))
    with stop_told("no manifest was written"), show_progress("decoding", total) as advance:
        report = check_folder(
            chosen,
            root,
            protocol=protocol,
            skeletons_only=skeletons_only,
            workers=choose_workers(workers),
            advance=advance,
        )
    _print_report(report)
    typer.echo(f"{root / MANIFEST_FILE}: written")
    if report.findings:
        raise typer.Exit(SOMETHING_WRONG)


def _print_report(report: CheckReport) -> None:
    typer.echo(f"{report.samples:,} samples; looked at: {', '.join(report.looked_at) or 'no protocol'}")
    for part in report.parts:
        typer.echo(f"  {_describe_part(part)}")
    if report.videos is not None:
        size = report.videos.total_bytes / 1e6
        typer.echo(f"  {report.videos.checked:,} videos decoded without fault, {size:,.1f} MB")
    for note in report.notes:
        typer.echo(f"  note: {note}")
    if not report.findings:
        typer.echo("nothing wrong in what was looked at")
        return
    kinds = Counter(finding.kind for finding in report.findings)
    counted = ", ".join(f"{kind}: {count:,}" for kind, count in kinds.items())
    typer.echo(f"{len(report.findings):,} findings ({counted})")
    print_problems([f"{finding.kind}: {finding.message}" for finding in report.findings])


def _describe_part(part: PartCount) -> str:
    published = [number for number in (part.published, part.without_missing) if number is not None]
    beside = f" (published: {' or '.join(f'{number:,}' for number in published)})" if published else ""
    by = f"split {part.split}" if part.split else "by the rule"
    return f"{part.protocol} {part.part}, {by}: {part.found:,} samples, {part.usable:,} usable{beside}"
