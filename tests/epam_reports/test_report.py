"""A report is complete, honest about gaps, re-makeable, and made without torch."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from epam_bench.records import CountRecord, LatencyRecord, RecordError
from epam_reports.report import write_report

Count = Callable[..., CountRecord]
Latency = Callable[..., LatencyRecord]
TABLES = ("efficiency", "claims", "counters", "latency", "accuracy")
FIGURES = ("macs_latency", "macs_accuracy")


def test_report_has_every_table_and_figure_and_links_only_what_exists(
    count: Count, latency: Latency, tmp_path: Path
) -> None:
    names = ("epam_net", "timesformer", "r3d_18", "posec3d")
    records = [record for name in names for record in (count(name), latency(name))]
    paths = write_report(records, tmp_path / "out")
    assert {path.name for path in paths} == {
        "report.md",
        *(f"{name}.{suffix}" for name in TABLES for suffix in ("md", "csv", "tex", "json")),
        *(f"{name}.{suffix}" for name in FIGURES for suffix in ("svg", "png")),
    }
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in paths}
    linked = re.findall(r"\]\((\w+\.svg)\)", paths[0].read_text(encoding="utf-8"))
    assert linked == ["macs_latency.svg", "macs_accuracy.svg"]


def test_counts_alone_make_a_report_that_says_what_is_missing(count: Count, tmp_path: Path) -> None:
    text = write_report([count()], tmp_path)[0].read_text(encoding="utf-8")
    assert "not measured" in text
    assert "No macs_latency figure" in text
    assert "Counted but not timed" in text
    assert not (tmp_path / "macs_latency.svg").exists()


def test_figure_of_an_earlier_report_does_not_stay(count: Count, latency: Latency, tmp_path: Path) -> None:
    write_report([count(), latency()], tmp_path)
    assert (tmp_path / "macs_latency.png").exists()
    write_report([count()], tmp_path)
    assert not (tmp_path / "macs_latency.png").exists()


def test_same_records_give_the_same_bytes(count: Count, latency: Latency, tmp_path: Path) -> None:
    records = [count(), latency()]
    once = write_report(records, tmp_path / "one")
    again = write_report(records, tmp_path / "two")
    for first, second in zip(once, again, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


def test_notes_stand_among_the_caveats(count: Count, tmp_path: Path) -> None:
    text = write_report([count()], tmp_path, notes=("line 3: unfinished",))[0].read_text(encoding="utf-8")
    assert "- line 3: unfinished" in text


def test_no_record_is_an_error_that_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="epam-bench flops"):
        write_report([], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_reports_never_import_torch() -> None:
    code = (
        "import sys, epam_reports.report\n"
        "sys.exit('torch' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_machine_is_named(count: Count, latency: Latency, tmp_path: Path) -> None:
    records = [
        count(),
        latency(),
        latency("c3d", environment={"processor": "Other CPU", "accelerator": "Some GPU"}),
    ]
    text = write_report(records, tmp_path)[0].read_text(encoding="utf-8")
    provenance = text.split("\n\n")[1]
    assert "on 2 machines: Test CPU (" in provenance
    assert "Other CPU + Some GPU (" in provenance
