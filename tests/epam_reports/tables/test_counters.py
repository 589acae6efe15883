"""Counters stand side by side; a disagreement above 1 % is marked and explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from epam_bench.records import CountRecord
from epam_reports.table import Table, lay_out, plain_text
from epam_reports.tables import counters_table

Count = Callable[..., CountRecord]


def _row(table: Table, title: str) -> Mapping[str, str]:
    layout = lay_out(table)
    (row,) = [row for row in layout.rows if row[0].text == title]
    return dict(zip(layout.headers, map(plain_text, row), strict=True))


def test_one_row_a_model_and_one_column_a_counter(count: Count) -> None:
    row = _row(counters_table([count(gmacs=7.618), count(gmacs=7.62, counter="thop")]), "EPAM-Net")
    assert (row["torch"], row["thop"], row["Disagreement (%)"], row[""]) == ("7.618", "7.620", "0.0", "")


def test_disagreement_above_one_percent_is_marked_and_explained(count: Count) -> None:
    norm = {"conv": 7_618_000_000, "batch_norm": 321_000_000}
    table = counters_table([count(), count(gmacs=7.939, counter="fvcore", macs_by_operation=norm)])
    row = _row(table, "EPAM-Net")
    assert (row["Disagreement (%)"], row[""]) == ("4.2", "≠")
    assert ("a", "fvcore includes batch_norm 0.321 G") in lay_out(table).footnotes


def test_counter_that_missed_operations_is_marked(count: Count) -> None:
    table = counters_table([count("timesformer", 195.8), count("timesformer", 123.3, counter="thop")])
    notes = dict(lay_out(table).footnotes)
    assert _row(table, "TimeSformer")["thop"] == "123.300[a]"
    assert notes["a"] == "thop missed operations: fewer than convolutions and matrix products"


def test_counter_that_counted_nothing_disagrees(count: Count) -> None:
    row = _row(counters_table([count(), count(gmacs=0.0, counter="thop")]), "EPAM-Net")
    assert (row["thop"], row[""]) == ("0.000", "≠")


def test_uncounted_operations_are_footnotes(count: Count) -> None:
    table = counters_table([count(uncounted={"aten::mv": 2})])
    assert ("a", "torch has no rule for aten::mv ×2") in lay_out(table).footnotes


def test_missing_counter_is_not_measured(count: Count) -> None:
    table = counters_table([count(), count("c3d", 38.5), count("c3d", 38.5, counter="fvcore")])
    assert _row(table, "EPAM-Net")["fvcore"] == "not measured"
    assert _row(table, "EPAM-Net")["Disagreement (%)"] == "one counter"


def test_published_count_is_compared_at_the_same_input_only(count: Count) -> None:
    table = counters_table([count("c3d", 38.5), count("posec3d", 15.6)])
    assert _row(table, "C3D")["Published"].startswith("38.5†")
    assert _row(table, "C3D")["Compared counter"] == "torch"
    assert _row(table, "C3D")["Compared to published (%)"] == "0.0"
    assert _row(table, "PoseC3D")["Published"] == "none at this input"


def test_each_counters_convention_is_said_once(count: Count) -> None:
    assert counters_table([count(), count("c3d")]).remarks == ("torch 1: what torch counts",)


def test_slowonly_is_not_compared_with_the_count_of_another_crop(count: Count) -> None:
    at_224 = count("slowonly_r50", 41.74, title="SlowOnly", inputs={"rgb": (3, 8, 224, 224)})
    at_256 = count("slowonly_r50", 54.52, title="SlowOnly 256", inputs={"rgb": (3, 8, 256, 256)})
    table = counters_table([at_224, at_256])
    assert _row(table, "SlowOnly")["Published"] == "none at this input"
    assert _row(table, "SlowOnly 256")["Compared to published (%)"] == "-0.4"


def test_published_count_is_compared_with_the_counter_that_its_source_names(count: Count) -> None:
    x3d = {"title": "X3D-M", "inputs": {"rgb": (3, 16, 224, 224)}}
    table = counters_table([count("x3d_m", 4.732, **x3d), count("x3d_m", 4.899, counter="fvcore", **x3d)])
    row = _row(table, "X3D-M")
    assert (row["Compared counter"], row["Compared to published (%)"]) == ("fvcore", "3.6")
    notes = " ".join(note for _, note in lay_out(table).footnotes)
    assert (
        "4.73 G is printed as counted by fvcore; ours by torch 4.732 G (+0.0 %), fvcore 4.899 G (+3.6 %)"
        in notes
    )


def test_named_counter_that_was_not_run_gives_way_to_torch(count: Count) -> None:
    table = counters_table([count("x3d_m", 4.732, title="X3D-M", inputs={"rgb": (3, 16, 224, 224)})])
    assert _row(table, "X3D-M")["Compared counter"] == "torch"


def test_inferred_convention_of_a_printed_count_is_said(count: Count) -> None:
    notes = " ".join(note for _, note in lay_out(counters_table([count()])).footnotes)
    assert "printed as FLOPs; multiply-adds inferred" in notes


def test_flops_are_twice_the_macs_for_machines(count: Count) -> None:
    table = counters_table([count(gmacs=7.618), count(gmacs=8.0, counter="thop")])
    assert table.frame.loc[0, "torch_gflops"] == 15.236
    assert table.frame.loc[0, "thop_gflops"] == 16.0
    assert "FLOPs = 2 × MACs" in table.caption


def test_class_counts_of_one_model_and_input_are_told_apart(count: Count) -> None:
    titles = counters_table([count(), count(num_classes=120), count("c3d")]).frame["title"]
    assert list(titles) == ["EPAM-Net (60 classes)", "EPAM-Net (120 classes)", "C3D"]


def test_a_video_costs_the_views_behind_the_published_accuracy(count: Count) -> None:
    table = counters_table([count("timesformer", 196.0, clips=2)])
    row = _row(table, "TimeSformer")
    assert (row["Views"], row["A video"]) == ("6", "1176.00")
    assert "one view × clips × crops of the published accuracy" in table.caption


def test_views_that_were_asked_for_are_marked_where_the_accuracy_took_others(count: Count) -> None:
    table = counters_table([count("timesformer", 196.0), count("c3d", 38.5)], views=10)
    assert _row(table, "TimeSformer")["A video"].startswith("1960.00≠[")
    assert "the published accuracy took 1 × 3 views" in dict(lay_out(table).footnotes).values()
    # C3D's accuracy took ten: nothing to warn of.
    assert _row(table, "C3D")["A video"] == "385.00"


def test_a_second_of_video_is_there_where_the_frame_interval_is_known(count: Count) -> None:
    # 16 frames, every second one taken, are 32 of the video: 0.8 s of 40 frames a second.
    known = count("s3d", 8.0, title="S3D", frame_interval=2)
    table = counters_table([known, count("c3d", 38.5)], fps=40)
    assert _row(table, "S3D")["A second"] == "10.00"
    assert _row(table, "C3D")["A second"] == "–"
    assert table.frame.loc[0, "clip_seconds"] == 0.8


def test_a_videos_cost_rests_on_the_record_that_it_was_made_from(count: Count) -> None:
    record = count("timesformer", 196.0)
    table = counters_table([record])
    evidence = table.evidence[0]
    assert evidence["video"].records == (record,)
    assert evidence["video"].working == "3 × 196.000 G"
    assert evidence["torch"].records == (record,)


def test_a_network_without_a_paper_has_its_row(count: Count) -> None:
    mine = count("ours:net", 1.0, year=None, paper="–", modalities=(), inputs={"x": (4,)})
    row = _row(counters_table([mine]), "ours:net")
    assert (row["torch"], row["Views"], row["A video"], row["A second"]) == ("1.000", "not known", "–", "–")
    asked = counters_table([mine], views=3)
    # No accuracy is published of it, so that there is no other number of views to warn of.
    assert (_row(asked, "ours:net")["A video"], lay_out(asked).footnotes) == ("3.00", ())


def test_disagreements_of_a_counter_with_itself_are_footnotes(count: Count) -> None:
    table = counters_table([count(disagreements=("conv1: 3 against 4",))])
    assert ("a", "conv1: 3 against 4") in lay_out(table).footnotes
