"""Every cell of every table leads to a record or a source, or says why it is empty."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from epam.errors import InputError, UnknownNameError
from epam_bench.records import AblationTrial, AccuracyRecord, AnyRecord, CountRecord, LatencyRecord
from epam_reports.explanation import (
    Address,
    Explanation,
    describe_number,
    explain,
    explain_cell,
    find_column,
    find_row,
    parse_address,
)
from epam_reports.published import load_published
from epam_reports.report import all_tables
from epam_reports.table import Table, lay_out

Count = Callable[..., CountRecord]
Latency = Callable[..., LatencyRecord]
FILE = "records.jsonl"


@pytest.fixture
def records(
    count: Count,
    latency: Latency,
    accuracy: Callable[..., AccuracyRecord],
    trial: Callable[..., AblationTrial],
) -> list[AnyRecord]:
    return [
        count(),
        count(counter="fvcore", gmacs=7.94),
        count("c3d", 38.5),
        latency(),
        latency("mine", paper="–", year=None),
        accuracy(streams={"rgb": [2, 2]}),
        trial(),
        trial(seed=1),
    ]


@pytest.fixture
def tables(records: list[AnyRecord]) -> tuple[Table, ...]:
    return all_tables(records, load_published())


def _explain(text: str, tables: tuple[Table, ...], records: list[AnyRecord]) -> Explanation:
    def place(record: AnyRecord) -> str:
        return f"{FILE}, line {records.index(record) + 1}"

    return explain(parse_address(text), tables, records, place)


def test_address_has_three_parts_and_a_name_may_hold_colons() -> None:
    assert parse_address("a:b: c:d") == Address("a", "b: c", "d")
    assert parse_address("efficiency: EPAM-Net :Clips/s") == Address("efficiency", "EPAM-Net", "Clips/s")
    for wrong in ("", "a", "a:b", "a::c", ":b:c", "a:b:"):
        with pytest.raises(InputError, match="TABLE:ROW:COLUMN, for example efficiency"):
            parse_address(wrong)


def test_counted_cell_leads_to_line_counter_date_and_machine(
    tables: tuple[Table, ...], records: list[AnyRecord]
) -> None:
    found = _explain("efficiency:EPAM-Net:gmacs_per_view", tables, records)
    assert found.address == "efficiency, row 1 (EPAM-Net), column GMACs/view (gmacs_per_view)"
    assert found.value == "7.62"
    text = "\n".join(found.sentences)
    assert "measured: count record of epam_net, records.jsonl, line 1" in text
    for part in ("7,618,000,000 MACs of one view of rgb 3×16×224×224", "by torch 1", "2026-01-02 12:00:00"):
        assert part in text
    assert "commit 0123456789abcdef" in text
    assert "Test CPU (2 logical cores)" in text


def test_product_says_its_operands(tables: tuple[Table, ...], records: list[AnyRecord]) -> None:
    found = _explain("efficiency:c3d:GMACs/video", tables, records)
    assert found.value == "385.0"
    assert found.sentences[:2] == (
        "worked out: 10 × 38.50 G",
        "measured: count record of c3d, records.jsonl, line 3",
    )


def test_quoted_cell_leads_to_source_and_place(tables: tuple[Table, ...], records: list[AnyRecord]) -> None:
    found = _explain("ntu60:VPN:X-View (%)", tables, records)
    assert found.value == "96.2†"
    assert found.sentences[0] == "quoted: VPN's repository, README, results table (repository)"
    assert found.sentences[1] == "  printed: top1 of VPN (RGB+3D pose) on NTU60 X-View: 96.2 %"


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("efficiency:c3d:latency_median_ms", "no latency record of c3d: epam-bench latency c3d"),
        ("efficiency:mine:gmacs_per_view", "no counter's record of mine: epam-bench flops mine"),
        ("efficiency:mine:accuracy_percent", "no published accuracy of mine among the sources"),
        ("efficiency:VPN++:Clips/s", "not built here, so it cannot be timed"),
        ("best_backends:mine:GMAC/s", "no counter's record of mine: epam-bench flops mine"),
        ("printed_costs:VPN++:video_gmacs", "no published accuracy among the sources"),
    ],
)
def test_empty_cell_says_why(
    cell: str, why: str, tables: tuple[Table, ...], records: list[AnyRecord]
) -> None:
    assert f"empty: {why}" in _explain(cell, tables, records).sentences


def test_percentile_withheld_beside_others_says_so(latency: Latency) -> None:
    records: list[AnyRecord] = [latency("mine"), latency("c3d", samples_ms=(2.0,) * 64)]
    found = _explain("latency:mine:p90 (ms)", all_tables(records, ()), records)
    assert "empty: withheld" in found.sentences


def test_mark_and_footnote_of_a_cell_are_explained(
    tables: tuple[Table, ...], records: list[AnyRecord]
) -> None:
    found = _explain("efficiency:c3d:gmacs_per_view", tables, records)
    assert found.value == "38.50×10"
    assert any(
        line.startswith("mark ×10: ×n: the row's accuracy took n such views") for line in found.sentences
    )
    (row,) = (index for index, name in enumerate(_table(tables, "ntu60").frame["model"], 1) if name == "VPN")
    found = _explain(f"ntu60:{row}:printed_gmacs", tables, records)
    assert any(line.startswith("footnote: printed for unstated views") for line in found.sentences)


def test_every_cell_of_every_table_can_be_explained(
    tables: tuple[Table, ...], records: list[AnyRecord]
) -> None:
    for table in tables:
        layout = lay_out(table)
        for row in range(len(table.frame)):
            for column in range(len(table.columns)):
                found = explain_cell(table, layout, (row, column), records, lambda _: FILE)
                starts = {sentence.partition(":")[0] for sentence in found.sentences}
                assert starts & {"measured", "quoted", "source", "empty", "no figure"}, found


def test_table_that_cites_in_words_leads_to_the_records_cited(
    tables: tuple[Table, ...], records: list[AnyRecord]
) -> None:
    found = _explain("counters:epam_net:fvcore_gmacs", tables, records)
    assert found.sentences[0] == "measured: count record of epam_net, records.jsonl, line 2"
    assert "counters" in found.address


def test_claim_leads_to_its_source_its_readings_and_the_records_of_its_model(
    tables: tuple[Table, ...], records: list[AnyRecord]
) -> None:
    claims = _table(tables, "claims").frame["claim"].tolist()
    row = next(index for index, claim in enumerate(claims, 1) if "8.1 G" in claim)
    found = _explain(f"claims:{row}:measured", tables, records)
    assert found.sentences[0].startswith("source: EPAM-Net (Neurocomputing 2025")
    assert found.sentences[1].startswith("its row: claim = 8.1 G multiply-adds of EPAM-Net")
    text = "\n".join(found.sentences)
    assert "a record of its model: count record (torch), 2026-01-02 12:00:00 UTC" in text
    assert "records.jsonl, line 1" in text
    assert "readings 1: " in text


def test_rows_are_found_by_number_name_or_title_whatever_the_case(tables: tuple[Table, ...]) -> None:
    table = _table(tables, "efficiency")
    assert {find_row(table, text) for text in ("1", "epam_net", "EPAM-Net", "epam-net")} == {0}
    with pytest.raises(InputError, match=f"efficiency has {len(table.frame)} rows, numbered from 1"):
        find_row(table, "0")
    with pytest.raises(UnknownNameError, match=r"row of efficiency 'epamnet'; did you mean 'epam_net'"):
        find_row(table, "epamnet")


def test_rows_of_one_name_are_told_apart_by_number(tables: tuple[Table, ...]) -> None:
    table = _table(tables, "ntu60")
    with pytest.raises(InputError, match=r"'pi-ViT' are rows \d+ \(.*10.*\), \d+ \(.*RGB\+pose.*number"):
        find_row(table, "pi-ViT")


def test_columns_are_found_by_key_or_header(tables: tuple[Table, ...]) -> None:
    table = _table(tables, "latency")
    assert find_column(table, "clips_per_second") == find_column(table, "clips/S")
    with pytest.raises(UnknownNameError, match=r"column of latency 'latncy'; did you mean 'Latency \(ms\)'"):
        find_column(table, "latncy")


def test_unknown_table_names_the_nearest(tables: tuple[Table, ...], records: list[AnyRecord]) -> None:
    with pytest.raises(UnknownNameError, match="unknown table 'efficency'; did you mean 'efficiency'"):
        _explain("efficency:1:Model", tables, records)


def test_empty_table_has_no_rows_to_explain(count: Count) -> None:
    tables = all_tables([count()], load_published())
    with pytest.raises(InputError, match="ablation has no rows"):
        find_row(_table(tables, "ablation"), "fused")


def test_number_without_stated_views_says_so() -> None:
    number = next(number for number in load_published() if number.model == "VPN" and number.metric == "macs")
    lines = list(describe_number(number))
    assert lines[2] == "  for unstated views of an input not stated; MACs (inferred)"
    assert "Inception-I3D" in lines[3]


def _table(tables: tuple[Table, ...], name: str) -> Table:
    (table,) = (table for table in tables if table.name == name)
    assert lay_out(table)
    return table
