"""`epam-bench reproduce`: count, time, tabulate, judge: what `make reproduce` runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epam_bench.commands.options import DEFAULT_OUTPUT_DIR, RECORDS_NAME

QUICK_MODELS = ("epam_net", "x_shiftnet_rgb", "x_shiftnet_pose", "posec3d", "x3d_m", "c3d", "timesformer")
QUICK_SAMPLES = 5


def reproduce(
    output_dir: Annotated[
        Path, typer.Option("--output-dir", "-o", help="Folder for records, tables, figures and verdicts.")
    ] = DEFAULT_OUTPUT_DIR,
    quick: Annotated[
        bool, typer.Option("--quick", help="Seven models and five samples: a minute, to see it work.")
    ] = False,
    device: Annotated[str, typer.Option(help="Where to time: cpu, cuda, cuda:1 …")] = "cpu",
    threads: Annotated[
        int | None,
        typer.Option(help="CPU threads; by default one a physical core.", min=1, show_default=False),
    ] = None,
    samples: Annotated[int, typer.Option(help="Timed calls a model.", min=2)] = 15,
) -> None:
    """Reproduce the paper's efficiency table on this machine, and judge its claims.

    Counts every model by every counter, times them all in one interleaved run, and writes tables,
    figures and verdicts into one folder. Records are appended as they are made: run it again and
    the newest measurement of each kind is what the tables show.

    Example: epam-bench reproduce --quick -o try
    """
    from epam_bench.commands.flops import count_all
    from epam_bench.commands.latency import default_threads, time_all
    from epam_bench.commands.output import console, print_table, report_failures
    from epam_bench.devices import Setting
    from epam_bench.plan import plan_counters, plan_models
    from epam_bench.records import read_records
    from epam_reports.claims import judge_claims
    from epam_reports.report import write_report
    from epam_reports.tables import claims_table, efficiency_table

    specs = plan_models(QUICK_MODELS if quick else None)
    setting = Setting(device, threads=threads or default_threads())
    records_file = output_dir / RECORDS_NAME
    _, failures = count_all(specs, plan_counters("all"), records=records_file)
    outcome = time_all(
        specs, setting, samples=QUICK_SAMPLES if quick else samples, warmup=2, records=records_file
    )
    records, left_out = read_records(records_file)
    paths = write_report(records, output_dir, notes=tuple(left_out))
    print_table(efficiency_table(records))
    print_table(claims_table(judge_claims(records)))
    for path in (records_file, *paths):
        console().print(f"wrote {path}", markup=False, highlight=False)
    report_failures(failures | outcome.failures)
    if outcome.interrupted:
        raise typer.Exit(130)
    if failures or outcome.failures:
        raise typer.Exit(1)
