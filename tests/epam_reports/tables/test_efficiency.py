"""A row never shows an accuracy beside a cost at other views or another input without a mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from epam_bench.records import CountRecord, LatencyRecord
from epam_reports.evidence import Evidence
from epam_reports.published import load_published
from epam_reports.table import Cell, Table, lay_out, plain_text
from epam_reports.tables import efficiency_table

Count = Callable[..., CountRecord]
Latency = Callable[..., LatencyRecord]


def _row(table: Table, title: str) -> Mapping[str, str]:
    layout = lay_out(table)
    (row,) = [row for row in layout.rows if row[0].text == title]
    return dict(zip(layout.headers, map(plain_text, row), strict=True))


def _note(table: Table, title: str, header: str) -> str:
    layout = lay_out(table)
    (row,) = [row for row in layout.rows if row[0].text == title]
    return dict(layout.footnotes)[row[layout.headers.index(header)].mark]


def test_measured_row_has_cost_speed_and_quoted_accuracy(count: Count, latency: Latency) -> None:
    row = _row(efficiency_table([count(), latency()]), "EPAM-Net")
    assert row["GMACs/view"] == "7.62"
    assert row["GMACs/video"] == "7.6"
    assert row["Latency (ms)"] == "3.0 [2.0, 4.0]"
    assert row["Clips/s"] == "333.33"
    assert row["Peak memory (MiB)"] == "64"
    assert row["Accuracy (%)"].startswith("96.1†")
    assert row["on"] == "NTU60 X-Sub (top-1)"


def test_video_costs_all_views_of_the_accuracy(count: Count) -> None:
    row = _row(efficiency_table([count("c3d", 38.5)]), "C3D")
    assert (row["Views"], row["GMACs/view"]) == ("10", "38.50×10")
    assert (row["GMACs/video"], row["in views"]) == ("385.0", "10")


def test_accuracy_at_another_input_is_marked_on_both_cells(count: Count) -> None:
    table = efficiency_table([count("s3d", 17.98)])
    row = _row(table, "S3D")
    assert row["GMACs/view"] == "17.98≠"
    assert row["Accuracy (%)"].startswith("68.368†≠[")
    assert row["GMACs/video"].startswith("143.8†[")
    assert "3×128×224×224" in _note(table, "S3D", "GMACs/video")
    assert "accuracy at 1 view of rgb 3×128×224×224" in _note(table, "S3D", "Accuracy (%)")


def test_accuracy_at_other_views_than_the_catalogue_says_is_marked(count: Count) -> None:
    table = efficiency_table([count("r3d_18", 40.7, clips=2)])
    assert "accuracy at 5 views" in _note(table, "R3D-18", "Accuracy (%)")
    assert "for 2 views" in _note(table, "R3D-18", "Accuracy (%)")
    assert "5 views" in _note(table, "R3D-18", "GMACs/video")


def test_quoted_competitor_is_marked_where_cost_and_accuracy_do_not_belong_together() -> None:
    table = efficiency_table([])
    row = _row(table, "pi-ViT")
    assert row["GMACs/video"].startswith("590.0†≠[")
    assert row["Accuracy (%)"].startswith("96.3†≠[")
    assert row["GMACs/view"] == "not measured"
    assert "cost printed for 3 views" in _note(table, "pi-ViT", "Accuracy (%)")


def test_every_row_with_accuracy_and_cost_at_different_views_carries_a_note(count: Count) -> None:
    models = ("epam_net", "timesformer", "c3d", "s3d", "r3d_18", "posec3d")
    frame = efficiency_table([count(name, 10.0, crops=2) for name in models]).frame
    both = frame.dropna(subset=["accuracy_percent", "gmacs_per_view"])
    assert len(both) == len(models)
    assert (
        both.loc[both["accuracy_views"] != both["views"], "accuracy_notes"].str.contains("accuracy at").all()
    )


def test_no_cost_stands_unmarked_beside_an_accuracy_of_other_views(count: Count) -> None:
    models = ("epam_net", "timesformer", "c3d", "s3d", "r3d_18", "posec3d")
    frame = efficiency_table([count(name, 10.0, clips=clips) for name in models for clips in (1, 3)]).frame
    rows = frame[frame["accuracy_percent"].notna()].astype(object).fillna("unstated")
    for row in rows.to_dict(orient="records"):
        if row["gmacs_per_view"] != "unstated" and row["accuracy_views"] != 1:
            assert row["cost_warning"] in {f"×{row['accuracy_views']}", "≠"}, row["title"]
        both_known = row["accuracy_views"] == row["video_cost_views"] != "unstated"
        if row["gmacs_per_video"] != "unstated" and not both_known:
            assert row["video_cost_warning"] == row["accuracy_warning"] == "≠", row["title"]


def test_notes_of_a_model_stand_at_its_name(count: Count) -> None:
    table = efficiency_table([count(notes=("the heads are our reading",))])
    assert _note(table, "EPAM-Net", "Model") == "the heads are our reading"


def test_disagreement_of_the_accounts_stands_at_the_cost(count: Count) -> None:
    record = count(counter="consensus", disagreements=("stem: conv3d 1 against 2",))
    assert _note(efficiency_table([record]), "EPAM-Net", "GMACs/view") == "stem: conv3d 1 against 2"


def test_network_of_the_users_own_has_neither_paper_nor_year(count: Count) -> None:
    record = count("mine", title="Mine", paper="–", year=None, clips=2)
    row = _row(efficiency_table([record]), "Mine")
    assert (row["Paper"], row["Accuracy (%)"]) == ("–", "none quoted")
    assert (row["GMACs/video"], row["in views"]) == ("15.2", "2")


def test_every_cell_rests_on_something_or_says_why_it_is_empty(count: Count, latency: Latency) -> None:
    records = [count(), latency("c3d"), count("s3d"), count("mine"), latency("r3d_18", threads=1)]
    for row in lay_out(efficiency_table(records)).rows:
        for cell in row:
            assert cell.evidence is not None, cell
            assert bool(cell.evidence.missing) == (cell.absent and not cell.evidence.citation), cell


def test_evidence_is_the_very_record_and_the_very_number(count: Count, latency: Latency) -> None:
    ours, timed, other = count(), latency(), count("c3d", 38.5)
    table = efficiency_table([ours, timed, other])
    (row,) = [row for row in lay_out(table).rows if row[0].text == "EPAM-Net"]
    cells = dict(zip((column.key for column in table.columns), row, strict=True))
    assert _evidence(cells["gmacs_per_view"]).records == (ours,)
    assert _evidence(cells["latency_median_ms"]).records == (timed,)
    assert _evidence(cells["gmacs_per_video"]).working == "1 × 7.62 G"
    (number,) = _evidence(cells["accuracy_percent"]).numbers
    assert (number.source.id, number.where) == ("EPAM-README", "result table")


def test_further_inputs_of_a_timed_model_are_named_and_get_no_rows(count: Count, latency: Latency) -> None:
    further = count("c3d", 50.0, inputs={"rgb": (3, 16, 128, 128)})
    table = efficiency_table([count("c3d"), latency("c3d"), further])
    assert [row[0].text for row in lay_out(table).rows].count("C3D") == 1
    assert table.remarks[-1] == "Counted at further inputs, see the table of counters: C3D."
    assert "further" not in " ".join(efficiency_table([count("c3d"), latency("c3d")]).remarks)


def test_quoted_competitor_names_what_is_counted_in_its_place(count: Count) -> None:
    record = count("vpn", 111.2, title="VPN (I3D)", inputs={"rgb": (3, 64, 224, 224)})
    assert _note(efficiency_table([record]), "VPN", "Model") == "VPN (I3D) is counted in its place"


def test_why_a_competitor_is_not_timed_names_what_can_be(count: Count) -> None:
    table = efficiency_table([count()])
    headers = lay_out(table).headers
    latencies = {row[0].text: row[headers.index("Latency (ms)")] for row in lay_out(table).rows}
    assert _evidence(latencies["VPN"]).missing.endswith("epam-bench latency vpn")
    assert _evidence(latencies["VPN++"]).missing == "not built here, so it cannot be timed"


def _evidence(cell: Cell) -> Evidence:
    assert cell.evidence is not None
    return cell.evidence


def test_only_counted_model_says_what_was_not_measured(count: Count) -> None:
    row = _row(efficiency_table([count()]), "EPAM-Net")
    assert row["Latency (ms)"] == row["Clips/s"] == row["Peak memory (MiB)"] == "not measured"


def test_only_timed_model_says_what_was_not_measured(latency: Latency) -> None:
    row = _row(efficiency_table([latency()]), "EPAM-Net")
    assert row["GMACs/view"] == "not measured"


def test_latency_of_another_setting_is_not_mixed_in(latency: Latency) -> None:
    records = [latency("c3d"), latency("s3d"), latency("r3d_18", threads=1)]
    table = efficiency_table(records)
    assert "2 threads" in table.caption
    assert _row(table, "R3D-18")["Latency (ms)"].startswith("not measured[")
    assert "another setting" in _note(table, "R3D-18", "Latency (ms)")


def test_caveat_of_a_record_is_on_its_row(latency: Latency) -> None:
    table = efficiency_table([latency(caveats=("the machine was busy",))])
    assert _note(table, "EPAM-Net", "Latency (ms)") == "the machine was busy"


def test_model_without_published_accuracy_says_so(count: Count) -> None:
    row = _row(efficiency_table([count("x_shiftnet_rgb", 4.1, title="X")]), "X")
    assert row["Accuracy (%)"] == "none quoted"
    assert row["GMACs/video"] == "4.1"


def test_frame_is_typed_and_every_figure_has_origin_and_source(count: Count, latency: Latency) -> None:
    frame = efficiency_table([count(), latency()]).frame
    assert str(frame["gmacs_per_view"].dtype) == "Float64"
    for group, figure in (
        ("cost", "gmacs_per_view"),
        ("video_cost", "gmacs_per_video"),
        ("latency", "latency_median_ms"),
        ("accuracy", "accuracy_percent"),
    ):
        shown = frame[frame[figure].notna()]
        assert set(shown[f"{group}_origin"]) <= {"measured", "quoted"}
        assert shown[f"{group}_source"].notna().all()
    assert frame.loc[0, "cost_source"] == "count record (torch), 2026-01-02 12:00:00 UTC, 0123456789ab"


def test_rows_go_from_the_cheapest_view_up(count: Count) -> None:
    frame = efficiency_table([count("timesformer", 195.8), count("epam_net", 7.6), count("c3d", 38.5)]).frame
    assert list(frame["title"][:3]) == ["EPAM-Net", "C3D", "TimeSformer"]
    assert frame["gmacs_per_view"][:3].tolist() == pytest.approx([7.6, 38.5, 195.8])


def test_latency_of_another_run_is_marked(latency: Latency) -> None:
    table = efficiency_table([latency("c3d", run="a"), latency("s3d", run="a"), latency("r3d_18", run="b")])
    assert "not interleaved" in _note(table, "R3D-18", "Latency (ms)")
    assert _row(table, "C3D")["Latency (ms)"] == "3.0 [2.0, 4.0]"


def test_latencies_of_two_machines_are_never_in_one_column(latency: Latency) -> None:
    elsewhere = latency("r3d_18", environment={"processor": "Other CPU"})
    table = efficiency_table([latency("c3d"), latency("s3d"), elsewhere])
    assert "on Test CPU" in table.caption
    assert _row(table, "R3D-18")["Latency (ms)"].startswith("not measured[")
    assert "on another machine (Other CPU (2 logical cores))" in _note(table, "R3D-18", "Latency (ms)")


def test_slowonly_quotes_the_cost_of_the_crops_of_its_accuracy(count: Count) -> None:
    record = count(
        "slowonly_r50", 41.74, title="SlowOnly", inputs={"rgb": (3, 8, 224, 224)}, clips=10, crops=3
    )
    table = efficiency_table([record])
    assert _row(table, "SlowOnly")["GMACs/view"] == "41.74≠"
    assert _row(table, "SlowOnly")["GMACs/video"].startswith("1642.5†[")
    assert "30 × 54.75 G: 30 views of rgb 3×8×256×256" in _note(table, "SlowOnly", "GMACs/video")
    assert "the README prints 224x224, the training crop" in _note(table, "SlowOnly", "Accuracy (%)")


@pytest.mark.parametrize("title", ["VPN", "VPN++", "MMNet", "TCEM-MMNet"])
def test_printed_cost_of_unstated_views_says_so(title: str) -> None:
    note = _note(efficiency_table([]), title, "GMACs/video")
    assert "views not stated: may be one view or all" in note
    assert "printed as FLOPs; multiply-adds inferred" in note
    assert ("Inception-I3D" in note) == (title == "VPN")


def test_inferred_input_and_views_of_a_competitor_say_so() -> None:
    table = efficiency_table([])
    for header in ("Input of a view", "Views", "GMACs/video"):
        assert "input and views are our inference" in _note(table, "pi-ViT", header)


def test_class_counts_of_one_model_are_told_apart(count: Count) -> None:
    titles = set(efficiency_table([count(), count(num_classes=120)]).frame["title"])
    assert {"EPAM-Net (60 classes)", "EPAM-Net (120 classes)"} <= titles


def test_row_that_is_only_quoted_is_so_from_its_name_on(count: Count) -> None:
    rows = {row[0].text: row[0].quoted for row in lay_out(efficiency_table([count()])).rows}
    assert (rows["EPAM-Net"], rows["VPN"], rows["MMNet"]) == (False, True, True)


def test_accuracy_of_an_ensemble_is_marked_beside_the_cost_of_one_network(count: Count) -> None:
    numbers = [
        number.model_copy(update={"networks": 2})
        for number in load_published()
        if number.catalogue_name == "epam_net" and number.metric == "top1"
    ]
    table = efficiency_table([count()], numbers)
    row = _row(table, "EPAM-Net")
    assert (row["GMACs/view"], row["GMACs/video"].partition("[")[0]) == ("7.62≠", "15.2")
    assert "by 2 networks" in _note(table, "EPAM-Net", "Accuracy (%)")
