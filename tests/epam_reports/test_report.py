"""A report is complete, honest about gaps, re-makeable, and made without torch."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from epam_bench.records import (
    AblationTrial,
    AccuracyRecord,
    AnyRecord,
    CountRecord,
    LatencyRecord,
    RecordError,
)
from epam_reports.published import load_published
from epam_reports.report import EXPORTERS, all_tables, write_report

Count = Callable[..., CountRecord]
Latency = Callable[..., LatencyRecord]
Accuracy = Callable[..., AccuracyRecord]
Trial = Callable[..., AblationTrial]
TABLES = (
    *("efficiency", "claims", "printed_costs", "ntu60", "ntu120", "pku_mmd", "toyota_smarthome"),
    *("counters", "latency", "speed", "best_backends", "memory"),
    *("roofline", "pipeline", "pipeline_steps", "accuracy", "classes", "ablation"),
)
FORMATS = ("md", "html", "csv", "tex", "json")
FIGURES = ("macs_latency", "macs_accuracy")


def test_report_has_every_table_and_figure_and_links_only_what_exists(
    count: Count, latency: Latency, tmp_path: Path
) -> None:
    names = ("epam_net", "timesformer", "r3d_18", "posec3d")
    records = [record for name in names for record in (count(name), latency(name))]
    paths = write_report(records, tmp_path / "out")
    assert {path.name for path in paths} == {
        "report.md",
        "report.html",
        *(f"{name}.{suffix}" for name in TABLES for suffix in FORMATS),
        *(f"{name}.{suffix}" for name in FIGURES for suffix in ("svg", "png")),
    }
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in paths}
    linked = re.findall(r"\]\((\w+\.svg)\)", paths[0].read_text(encoding="utf-8"))
    assert linked == ["macs_latency.svg", "macs_accuracy.svg"]


def test_counts_alone_make_a_report_that_says_what_is_missing(count: Count, tmp_path: Path) -> None:
    text = write_report([count()], tmp_path)[0].read_text(encoding="utf-8")
    assert "not measured" in text
    assert "No macs\\_latency figure" in text
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


def test_html_report_is_one_file_with_every_table_and_picture_in_it(
    count: Count, latency: Latency, accuracy: Accuracy, tmp_path: Path
) -> None:
    write_report([count(), latency(), count("c3d"), latency("c3d"), accuracy()], tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    elsewhere_or_empty = {"ablation", "classes", "pipeline", "pipeline_steps", "roofline"}
    assert set(re.findall(r'<table id="table-(\w+)"', text)) == set(TABLES) - elsewhere_or_empty
    assert text.count('src="data:image/svg+xml;base64,') == len(list(tmp_path.glob("*.svg")))
    assert set(re.findall(r'(?:src|href)="(?!data:|#|https?://)([^"]*)"', text)) == {"classes.html"}


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


@pytest.fixture(params=["old kinds", "new kinds", "all kinds", "accuracy alone", "trial alone"])
def records(
    request: pytest.FixtureRequest, count: Count, latency: Latency, accuracy: Accuracy, trial: Trial
) -> list[AnyRecord]:
    old: list[AnyRecord] = [count(), latency()]
    new: list[AnyRecord] = [accuracy(), accuracy(views=2), trial(), trial("pose", seed=1)]
    kinds = {"old kinds": old, "new kinds": new, "all kinds": new + old}
    return kinds.get(request.param) or [accuracy() if request.param == "accuracy alone" else trial()]


def test_any_mixture_of_records_makes_a_whole_report(records: list[AnyRecord], tmp_path: Path) -> None:
    paths = write_report(records, tmp_path)
    assert {path.name for path in paths} == {path.name for path in tmp_path.iterdir()}
    text = paths[0].read_text(encoding="utf-8")
    linked = re.findall(r"\]\((\w+\.\w+)\)", text)
    assert set(linked) <= {path.name for path in paths}
    evaluations = {record.views for record in records if isinstance(record, AccuracyRecord)}
    assert sum(name.startswith("confusion_") for name in linked) == len(evaluations)
    for heading in ("Accuracies, published and measured", "What each part is worth"):
        assert f"## {heading}" in text
    assert f"Made from {len(records)} records" in text


def test_any_mixture_of_records_can_be_exported_in_every_format(records: list[AnyRecord]) -> None:
    tables = all_tables(records, load_published())
    assert tuple(table.name for table in tables) == TABLES
    for table in tables:
        for export in EXPORTERS.values():
            assert export(table).strip()


def test_records_of_new_kinds_leave_the_old_tables_as_they_were(
    count: Count, latency: Latency, accuracy: Accuracy, trial: Trial
) -> None:
    old, numbers = [count(), latency()], load_published()
    of_costs = {"efficiency", "printed_costs", "counters", "latency", "speed", "best_backends", "memory"}
    before, after = all_tables(old, numbers), all_tables([accuracy(), *old, trial()], numbers)
    for one, other in zip(before, after, strict=True):
        if one.name in of_costs:
            assert EXPORTERS["json"](one) == EXPORTERS["json"](other)


def test_confusion_figures_of_an_earlier_report_do_not_stay_and_nothing_else_goes(
    count: Count, accuracy: Accuracy, tmp_path: Path
) -> None:
    write_report([accuracy()], tmp_path)
    (old,) = tmp_path.glob("confusion_*.png")
    mine = tmp_path / "confusion_of_tongues.png"
    mine.write_bytes(b"")
    write_report([accuracy(weights_sha256="b" * 64)], tmp_path)
    assert not old.exists()
    assert len(list(tmp_path.glob("confusion_epam_net_*.png"))) == 1
    assert mine.exists()
