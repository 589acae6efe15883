from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from epam.errors import InputError
from epam_bench.commands import output
from epam_bench.commands.options import Format
from epam_bench.commands.output import (
    check_outputs,
    emit,
    kept_when_stopped,
    progress,
    report_failures,
    timed_progress,
)
from epam_reports.table import Column, Table


@pytest.fixture
def table() -> Table:
    return Table(
        name="t",
        title="Title [bold]not markup[/bold]",
        caption="A caption.",
        frame=pd.DataFrame({"model": ["net"], "ms": [1.25], "why": ["because it is so"]}),
        columns=(
            Column(key="model", header="Model"),
            Column(key="ms", header="Time (ms)", decimals=1),
            Column(key="why", header="Reason", wide=True),
        ),
    )


def test_sentences_go_below_the_table_and_markup_is_not_obeyed(table: Table, capsys) -> None:
    emit([table], output_format=Format.TABLE, output=None)
    printed = capsys.readouterr().out
    assert "[bold]not markup[/bold]" in printed
    assert "net" in printed
    assert "1.2" in printed
    assert (
        printed.index("Time (ms)") < printed.index("Reason: because it is so") < printed.index("A caption.")
    )


def test_terminal_too_narrow_for_the_grid_gets_unbroken_numbers(table: Table, capsys, monkeypatch) -> None:
    monkeypatch.setattr(output, "PLAIN_WIDTH", 12)
    emit([table], output_format=Format.TABLE, output=None)
    assert "  Time (ms): 1.2" in capsys.readouterr().out


def test_number_is_whole_at_every_width_that_a_grid_has(table: Table, capsys, monkeypatch) -> None:
    frame = pd.DataFrame({"model": ["a net"], "ms": [123456.25], "why": ["rgb 3×16×224×224 and more"]})
    columns = (*table.columns[:2], Column(key="why", header="Input"))
    for width in range(20, 60):
        monkeypatch.setattr(output, "PLAIN_WIDTH", width)
        emit([replace(table, frame=frame, columns=columns)], output_format=Format.TABLE, output=None)
        printed = capsys.readouterr().out
        assert "123456.2" in printed
        assert "3×16×224×224" in printed
        assert "net" in printed


def test_names_break_at_words_only_where_a_grid_has_no_room_for_them_whole(
    table: Table, capsys, monkeypatch
) -> None:
    columns, frame = table.columns[:2], pd.DataFrame({"model": ["PoseC3D SlowOnly"], "ms": [1.25]})
    whole = len("PoseC3D SlowOnly") + len("Time") + 2 * output.CELL_PADDING
    for width, name in ((whole, "PoseC3D SlowOnly"), (whole - 1, "PoseC3D ")):
        monkeypatch.setattr(output, "PLAIN_WIDTH", width)
        emit([replace(table, frame=frame, columns=columns)], output_format=Format.TABLE, output=None)
        printed = capsys.readouterr().out
        assert name in printed
        assert ("SlowOnly" in printed.replace("PoseC3D SlowOnly", "")) is (width < whole)
        assert "  Time (ms): " not in printed


def test_several_tables_are_no_csv(table: Table) -> None:
    with pytest.raises(InputError, match="CSV holds one table"):
        emit([table, table], output_format=Format.CSV, output=None)


@pytest.mark.parametrize("bad", ["records", "output"])
def test_place_that_cannot_be_written_is_found_before_measuring(tmp_path: Path, bad: str) -> None:
    (tmp_path / "file").write_text("")
    blocked, fine = tmp_path / "file" / "below", tmp_path / "fine"
    with pytest.raises(InputError, match=r"file/below: cannot be written"):
        check_outputs(*(blocked, fine) if bad == "records" else (fine, tmp_path / "file" / "below"))


def test_json_is_the_only_thing_on_standard_output(table: Table, capsys) -> None:
    emit([table], output_format=Format.JSON, output=None)
    document = json.loads(capsys.readouterr().out)
    assert document["tables"][0]["rows"] == [{"model": "net", "ms": 1.25, "why": "because it is so"}]
    assert document["records"] == []


@pytest.mark.parametrize(
    ("output_format", "expected"),
    [(Format.CSV, "net,1.25"), (Format.TABLE, "| net |"), (Format.JSON, '"net"')],
)
def test_file_gets_the_format_that_was_asked_for(
    table: Table, tmp_path: Path, output_format, expected, capsys
):
    emit([table], output_format=output_format, output=tmp_path / "deep" / "out")
    assert expected in (tmp_path / "deep" / "out").read_text()
    assert capsys.readouterr().out == ""


def test_failures_go_to_standard_error_one_line_each(capsys) -> None:
    report_failures({"net": "out of memory [1 GiB]"})
    assert capsys.readouterr().err.strip() == "net: out of memory [1 GiB]"


def test_a_failure_that_begins_with_the_networks_name_says_it_once(capsys) -> None:
    report_failures({"net": "net: clips must be larger"})
    assert capsys.readouterr().err.strip() == "net: clips must be larger"


def test_a_run_that_is_stopped_says_where_its_counts_are(capsys) -> None:
    with pytest.raises(KeyboardInterrupt), kept_when_stopped(Path("r.jsonl"), "epam-bench claims"):
        raise KeyboardInterrupt
    assert capsys.readouterr().err.strip() == "stopped; what was counted is in r.jsonl: epam-bench claims"


def test_progress_keeps_off_standard_output_and_tells_a_log_now_and_then(capsys, monkeypatch) -> None:
    monkeypatch.setattr(output, "SECONDS_BETWEEN_LINES", 0.0)
    with progress("Working", 2) as advance:
        advance("one")
        advance("two")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.partition(",")[0] for line in captured.err.splitlines()] == ["Working 1/2", "Working 2/2"]


def test_progress_towards_a_budget_tells_the_seconds(capsys, monkeypatch) -> None:
    monkeypatch.setattr(output, "SECONDS_BETWEEN_LINES", 0.0)
    with timed_progress("Timing", 90.0) as advance:
        advance("round 1; widest interval ±3.0%")
    assert capsys.readouterr().err == "Timing 0 of 90 s: round 1; widest interval ±3.0%\n"


def test_progress_of_a_log_begins_soon_and_is_then_seldom(capsys, monkeypatch) -> None:
    seconds = iter([0.0, 1.0, 3.0, 5.0, 18.0])
    monkeypatch.setattr(output.time, "monotonic", lambda: next(seconds))
    with progress("Working", 4) as advance:
        for step in ("one", "two", "three", "four"):
            advance(step)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["Working 2/4, 3 s: two", "Working 4/4, 18 s: four"]
