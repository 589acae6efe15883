"""Accuracies by protocol: published ones quoted, measured ones with their intervals, each with its cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pandas as pd

from epam_bench.records import AccuracyRecord, AnyRecord, CountRecord
from epam_reports.table import lay_out, plain_text, text_frame
from epam_reports.tables import accuracy_table

Count = Callable[..., CountRecord]
Accuracy = Callable[..., AccuracyRecord]


def _measured(records: Sequence[AnyRecord]) -> pd.DataFrame:
    frame = accuracy_table(records).frame
    return frame[frame["accuracy_origin"] == "measured"]


def _footnotes(records: Sequence[AnyRecord], column: str) -> list[str]:
    """Notes of the measured rows' cells in this column, by mark."""
    layout = lay_out(accuracy_table(records, ()))
    notes = dict(layout.footnotes)
    index = layout.headers.index(column)
    return [notes.get(row[index].mark, "") for row in layout.rows]


def test_without_records_everything_is_quoted_and_sourced() -> None:
    table = accuracy_table()
    assert set(table.frame["accuracy_origin"]) == {"quoted"}
    assert table.frame["accuracy_source"].notna().all()
    assert table.caption.startswith("Accuracies are quoted, not measured here.")


def test_best_stands_first_within_a_protocol() -> None:
    frame = accuracy_table().frame
    rows = frame[(frame["dataset"] == "NTU60") & (frame["split"] == "X-Sub")]
    assert rows["accuracy_percent"].is_monotonic_decreasing
    assert {"EPAM-Net", "pi-ViT", "VPN"} <= set(rows["model"])


def test_accuracy_is_printed_as_published() -> None:
    printed = {row[5].text for row in lay_out(accuracy_table()).rows}
    assert {"96.1", "75.15", "67.463"} <= printed


def test_unstated_views_say_so() -> None:
    layout = lay_out(accuracy_table())
    views = [row[layout.headers.index("Views")].text for row in layout.rows if row[2].text == "VPN"]
    assert set(views) == {"not stated"}


def test_measured_and_published_accuracies_of_a_protocol_stand_together(accuracy: Accuracy) -> None:
    frame = accuracy_table([accuracy(dataset="pku_mmd", protocol="xview")]).frame
    # The protocol that was measured comes first: 7 of 8 right, below the published 98.4 %.
    rows = frame[["dataset", "split", "metric", "accuracy_percent", "accuracy_origin"]].head(3)
    assert rows.to_numpy().tolist() == [
        ["PKU-MMD", "X-View", "top-1", 98.4, "quoted"],
        ["PKU-MMD", "X-View", "top-1", 87.5, "measured"],
        ["PKU-MMD", "X-View", "mean class", 87.5, "measured"],
    ]


def test_protocols_without_a_measurement_can_be_left_out(accuracy: Accuracy) -> None:
    record = accuracy(dataset="pku_mmd", protocol="xview")
    frame = accuracy_table([record], measured_protocols_only=True).frame
    assert set(frame["dataset"] + frame["split"]) == {"PKU-MMDX-View"}
    assert set(frame["accuracy_origin"]) == {"quoted", "measured"}


def test_train_part_is_not_ranked_among_published_test_accuracies(accuracy: Accuracy) -> None:
    rows = _measured([accuracy(part="train", split="xsub_train")])
    assert set(rows["split"]) == {"X-Sub, train part"}


def test_every_stream_has_its_metrics_with_intervals(accuracy: Accuracy) -> None:
    record = accuracy(streams={"rgb": [2, 2], "pose": [1, 1]})
    frame = text_frame(accuracy_table([record], ()))
    assert frame[["Modalities", "Metric", "Accuracy (%)"]].to_numpy().tolist() == [
        ["RGB+pose", "top-1", "87.5 [77.5, 97.5]"],
        ["RGB stream alone", "top-1", "50.0 [40.0, 60.0]"],
        ["pose stream alone", "top-1", "25.0 [15.0, 35.0]"],
        ["RGB+pose", "mean class", "87.5 [77.5, 97.5]"],
        ["RGB stream alone", "mean class", "50.0 [40.0, 60.0]"],
        ["pose stream alone", "mean class", "25.0 [15.0, 35.0]"],
        ["RGB+pose", "top-5", "100.0"],
        ["RGB stream alone", "top-5", "100.0"],
        ["pose stream alone", "top-5", "100.0"],
    ]


def test_interval_stands_beside_the_mean_that_it_is_of_alone(accuracy: Accuracy) -> None:
    # Class 2 is predicted once and has no sample: the published definition counts it as 0.
    table = accuracy_table([accuracy(confusion=((3, 0, 1), (0, 4, 0), (0, 0, 0)))], ())
    frame = text_frame(table)
    means = frame[frame["Metric"].str.startswith("mean")]
    assert dict(zip(means["Metric"], means["Accuracy (%)"], strict=True)) == {
        "mean class": "58.3",
        "mean class (present)": "87.5 [77.5, 97.5]",
    }
    assert "has no sample counts as 0" in table.remarks[0]


def test_cost_is_that_of_the_accuracys_own_views(accuracy: Accuracy, count: Count) -> None:
    records = [accuracy(views=10), count(gmacs=7.0, num_classes=2)]
    row = text_frame(accuracy_table(records, ())).iloc[0]
    assert (row["Views"], row["GMACs/video"]) == ("10", "70.00")
    assert "times its views, counted by torch unless quoted" in accuracy_table(records).caption


def test_published_accuracy_gets_its_cost_from_our_count_too(count: Count) -> None:
    frame = accuracy_table([count("c3d", 38.0)]).frame
    (row,) = frame[frame["catalogue_name"] == "c3d"].to_dict(orient="records")
    assert (row["gmacs_per_video"], row["cost_origin"], row["accuracy_origin"]) == (
        380.0,
        "measured",
        "quoted",
    )


def test_cost_of_another_input_is_marked_and_not_shown(accuracy: Accuracy, count: Count) -> None:
    records = [accuracy(), count(num_classes=2, inputs={"rgb": (3, 6, 96, 96)})]
    layout = lay_out(accuracy_table(records, ()))
    cost = layout.headers.index("GMACs/video")
    assert {(row[cost].text, row[cost].warning) for row in layout.rows} == {("not counted", "≠")}
    assert set(_footnotes(records, "GMACs/video")) == {
        "counted at rgb 3×6×96×96, evaluated at rgb 3×16×224×224 + heatmaps 17×48×56×56"
    }


def test_uncounted_network_has_neither_cost_nor_mark(accuracy: Accuracy) -> None:
    row = text_frame(accuracy_table([accuracy()], ())).iloc[0]
    assert row["GMACs/video"] == "not counted"


def test_stream_alone_is_not_given_the_whole_networks_cost(accuracy: Accuracy, count: Count) -> None:
    records = [accuracy(streams={"rgb": [2, 2]}), count(gmacs=7.0, num_classes=2)]
    frame = text_frame(accuracy_table(records, ()))
    top1 = frame[frame["Metric"] == "top-1"]
    assert [cell.split("[")[0] for cell in top1["GMACs/video"]] == ["7.00", "not counted"]
    assert "beside its fused accuracy" in _footnotes(records, "GMACs/video")[1]
    assert not any(_footnotes(records[:1], "GMACs/video"))


def test_footnote_has_weights_gaps_and_the_records_caveats(accuracy: Accuracy) -> None:
    skipped = [{"sample": "S1", "reason": "missing video"}]
    record = accuracy(skipped=skipped, split_samples=12, interrupted=True, caveats=("odd",))
    assert set(_footnotes([record], "Model")) == {
        "best.safetensors, weights aaaaaaaa; interrupted after 9 of 12 samples; "
        "1 of 12 samples could not be evaluated (1 missing video); odd"
    }
    row = text_frame(accuracy_table([record], ())).iloc[0]
    assert (row["Samples"], row["Skipped"]) == ("8", "1")


def test_random_weights_are_called_random(accuracy: Accuracy) -> None:
    record = accuracy(checkpoint=None, checkpoint_sha256=None)
    assert _footnotes([record], "Model")[0] == "weights aaaaaaaa; the weights are random: nothing was learnt"


def test_rows_of_other_samples_say_so(accuracy: Accuracy) -> None:
    records = [accuracy(), accuracy(weights_sha256="b" * 64, split_sha256="6" * 64)]
    notes = set(_footnotes(records, "Model"))
    assert any(
        "samples 55555555: not all rows measured here are of the same samples" in note for note in notes
    )
    assert any("samples 66666666" in note for note in notes)
    assert not any("same samples" in note for note in _footnotes(records[:1], "Model"))


def test_newest_record_of_the_same_weights_counts(accuracy: Accuracy) -> None:
    old = accuracy()
    new = accuracy(confusion=((4, 0), (0, 4)), created=old.created + timedelta(days=1))
    rows = _measured([new, old])
    assert set(rows["accuracy_percent"]) == {100.0}


def test_hostile_names_are_no_formula_and_no_markup(accuracy: Accuracy) -> None:
    record = accuracy(dataset="custom", protocol="=cmd|'x'", title="<b>|net")
    layout = lay_out(accuracy_table([record], ()))
    assert plain_text(layout.rows[0][1]) == "=cmd|'x'"


def test_fast_form_says_what_ran_it(accuracy: Accuracy) -> None:
    record = accuracy(backend="openvino", precision="int8", caveats=("int8 calibrated on 64 clips",))
    assert "run by openvino in int8; int8 calibrated on 64 clips" in _footnotes([record], "Model")[0]
    assert set(_measured([record])["backend"]) == {"openvino"}
