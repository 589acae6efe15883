"""`epam-bench claims`: the paper's efficiency claims, re-derived and judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from epam_bench.commands.options import DEFAULT_RECORDS, Format, FormatOption, FromRecords, OutputFile

if TYPE_CHECKING:
    from epam_bench.records import AnyRecord

CLAIMED_MODELS = ("epam_net", "timesformer")


def claims(
    from_records: FromRecords = None,
    output_format: FormatOption = Format.TABLE,
    output: OutputFile = None,
) -> None:
    """Judge the paper's 72.8× fewer FLOPs, 48.6× fewer parameters, 8.1 G and 2.5 M.

    Each is worked out again from published operands and from our own counts, for one view and for
    all, as MACs and as FLOPs. Without --from, the models concerned are counted now.

    Example: epam-bench claims --from epam-bench-out/records.jsonl
    """
    from epam_bench.commands.output import emit
    from epam_reports.claims import judge_claims
    from epam_reports.tables import claims_table

    records = _read(from_records) if from_records else _count()
    emit([claims_table(judge_claims(records))], output_format=output_format, output=output, records=records)


def _read(path: Path) -> list[AnyRecord]:
    from epam_bench.commands.output import tell
    from epam_bench.records import read_records

    records, left_out = read_records(path)
    tell(*left_out)
    return records


def _count() -> list[AnyRecord]:
    from epam_bench.commands.flops import count_all
    from epam_bench.commands.output import report_failures
    from epam_bench.plan import plan_counters, plan_models

    counted, failures = count_all(plan_models(CLAIMED_MODELS), plan_counters("all"), records=DEFAULT_RECORDS)
    report_failures(failures)
    return list(counted)
