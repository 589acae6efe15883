from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from epam.evaluation import ScoreTable
from epam_bench.accuracy import measure_accuracy, plan_accuracy
from epam_bench.commands.accuracy_tables import runs_table, streams_table
from epam_bench.comparison import compare_files
from epam_bench.records import AccuracyRecord
from epam_reports.table import lay_out, plain_text


def measured(votes) -> AccuracyRecord:
    record, _ = measure_accuracy(plan_accuracy(votes.model, votes.location, workers=0))
    assert record is not None
    return record


def test_both_mean_class_accuracies_are_printed_where_they_differ(four_votes) -> None:
    layout = lay_out(streams_table(measured(four_votes)))
    assert layout.headers[-2:] == ("Mean class (%)", "Mean class, of classes that occur (%)")
    cells = [plain_text(cell) for cell in layout.rows[0]]
    assert cells[:5] == ["fused", "4", "75.00 [30.06, 95.44]", "100.00", "50.00"]
    # The interval is of the definition that it is computed by.
    assert cells[5].startswith("75.00 [")


def test_one_mean_class_accuracy_is_enough_where_they_agree(make_votes) -> None:
    record = measured(make_votes({"a": (0, 0, 0), "b": (1, 1, 1)}))
    layout = lay_out(streams_table(record))
    assert layout.headers[-1] == "Mean class (%)"
    assert plain_text(layout.rows[0][-1]) == "100.00 [100.00, 100.00]"


def test_caption_and_caveats_say_what_the_figures_are_of(four_votes) -> None:
    table = streams_table(measured(four_votes))
    assert table.title == "Accuracy of Voter on custom mine, split mine_test"
    assert table.caption.startswith(
        "4 of 4 samples, 1 view a video, cpu, fp32, eager; random weights, sha256 "
    )
    assert any("the weights are random" in remark for remark in table.remarks)


def test_runs_are_rows_with_their_accuracies(tmp_path: Path) -> None:
    rows = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
    table = ScoreTable(("a", "b"), np.array([0, 0]), {"rgb": rows})
    table.save(tmp_path / "a.npz")
    replace(table, streams={"rgb": rows[[0, 0]]}).save(tmp_path / "b.npz")
    comparison = compare_files(str(tmp_path / "a.npz"), str(tmp_path / "b.npz"))
    frame = runs_table(comparison).frame
    assert frame["top1_percent"].tolist() == [50.0, 100.0]
    assert frame["mean_class_accuracy_percent"].tolist() == [25.0, 100.0]
