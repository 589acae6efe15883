"""The caption says what all rows share, columns say what sets them apart, and nothing is said twice."""

from __future__ import annotations

from epam_reports.measurements import Setting
from epam_reports.setting_columns import input_columns, setting_columns, shared_inputs, shared_setting

ONE = Setting("cpu", "fp32", 1, "eager", 2, "a machine")


def test_of_one_setting_all_is_in_the_caption() -> None:
    assert setting_columns([ONE]) == ()
    assert shared_setting([ONE]) == " All: cpu, fp32, batch 1, 2 threads, on a machine."
    assert shared_setting([]) == ""


def test_what_differs_is_a_column_and_not_in_the_caption() -> None:
    both = [ONE, ONE._replace(precision="bf16", threads=1, backend="openvino")]
    assert [column.header for column in setting_columns(both)] == ["Precision", "Threads"]
    assert shared_setting(both) == " All: cpu, batch 1, on a machine."


def test_training_and_emptied_caches_are_said() -> None:
    odd = ONE._replace(task="training", l2_cold=True)
    assert "training steps" in shared_setting([odd])
    assert "caches emptied before every call" in shared_setting([odd])
    assert [column.header for column in setting_columns([ONE, odd])] == ["Task", "Caches emptied"]


def test_several_machines_are_not_to_be_compared() -> None:
    said = shared_setting([ONE, ONE._replace(machine="another")])
    assert said.endswith("Taken on 2 machines, not to be compared with each other.")


def test_inputs_are_one_sentence_where_each_model_has_one() -> None:
    rows = [{"title": title, "input": shape} for title, shape in (("A", "x 3"), ("B", "y 4"), ("C", "x 3"))]
    assert input_columns(rows) == ()
    assert shared_inputs(rows) == ("One clip: x 3 for A, C; y 4 for B.",)
    assert shared_inputs([]) == ()


def test_inputs_that_set_rows_of_one_model_apart_are_a_column() -> None:
    rows = [{"title": "A", "input": "x 3"}, {"title": "A", "input": "x 4"}, {"title": "B", "input": "x 3"}]
    assert [column.header for column in input_columns(rows)] == ["Input"]
    assert shared_inputs(rows) == ()
