"""A data set's comparison: every accuracy once, its cost at its own views, and the paper's beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import pandas as pd
import pytest

from epam_bench.records import AccuracyRecord, AnyRecord, CountRecord
from epam_reports.protocols import PAPER_DATA_SETS, splits_of
from epam_reports.published import PublishedNumber, load_published
from epam_reports.table import Table, lay_out, plain_text, text_frame
from epam_reports.tables import data_set_table
from epam_reports.tables.data_set import group_of

Count = Callable[..., CountRecord]
Accuracy = Callable[..., AccuracyRecord]
NUMBERS = load_published()
SOURCE = next(number.source for number in NUMBERS if number.source.id == "EPAM-README")
PAPER = next(number.source for number in NUMBERS if number.source.id == "EPAM-TABLE1")
RGB = "rgb 3x16x224x224"


def _number(**changes: object) -> PublishedNumber:
    fields: dict[str, object] = {
        "catalogue_name": None,
        "model": "Net",
        "modality": "RGB",
        "metric": "top1",
        "dataset": "NTU60",
        "split": "X-Sub",
        "value": Decimal("90.0"),
        "unit": "%",
        "convention": None,
        "input": RGB,
        "views": 1,
        "source": SOURCE.model_dump(),
        "where": "a table",
        "note": "",
    }
    return PublishedNumber.model_validate(fields | changes)


def _printed_cost(value: str, **changes: object) -> PublishedNumber:
    cost = {"metric": "macs", "dataset": None, "split": None, "unit": "G", "convention": "MACs (inferred)"}
    return _number(**(cost | {"value": Decimal(value), "source": PAPER.model_dump()} | changes))


def _rows(numbers: Sequence[PublishedNumber], records: Sequence[AnyRecord] = ()) -> list[dict[str, str]]:
    frame: pd.DataFrame = text_frame(data_set_table(records, "ntu60", numbers))
    return [{str(key): str(value) for key, value in row.items()} for row in frame.to_dict(orient="records")]


def _note(table: Table, row: int, header: str) -> str:
    layout = lay_out(table)
    return layout.rows[row][layout.headers.index(header)].note


@pytest.mark.parametrize("dataset", PAPER_DATA_SETS)
def test_every_published_accuracy_of_the_data_set_is_in_it_once(dataset: str) -> None:
    table = data_set_table((), dataset)
    name = table.title.partition(":")[0]
    published = sorted(float(number.value) for number in NUMBERS if number.dataset == name)
    shown = [column.key for column in table.columns if column.key.endswith("_percent")]
    assert sorted(table.frame[shown].to_numpy(na_value=0).ravel().tolist())[-len(published) :] == published
    assert int(table.frame[shown].notna().sum().sum()) == len(published)
    headers = " ".join(lay_out(table).headers)
    assert all(split in headers for split in splits_of(dataset))


def test_splits_of_one_source_share_a_row_and_a_second_number_starts_another() -> None:
    numbers = [_number(), _number(split="X-View", value=Decimal("95.0")), _number(value=Decimal("91.0"))]
    assert [(row["X-Sub (%)"], row["X-View (%)"]) for row in _rows(numbers)] == [
        ("90.0†", "95.0†"),
        ("91.0†", "–"),
    ]


def test_other_views_input_or_source_is_another_row() -> None:
    other = next(number.source for number in NUMBERS if number.source.id == "PYSKL")
    numbers = [
        _number(),
        _number(split="X-View", views=10),
        _number(split="X-View", input=""),
        _number(split="X-View", source=other.model_dump()),
    ]
    assert len(_rows(numbers)) == 4


def test_rgb_then_pose_then_both_and_ours_last_the_best_of_each_below() -> None:
    numbers = [
        _number(model="EPAM-Net", catalogue_name="epam_net", modality="RGB+pose", value=Decimal("80.0")),
        _number(model="both", modality="RGB+3D pose"),
        _number(model="skeleton", modality="2D pose"),
        _number(model="better", value=Decimal("95.0")),
        _number(model="worse", value=Decimal("85.0")),
        _number(model="distilled", modality="RGB (pose in training)", value=Decimal("89.0")),
    ]
    order = [row["Model"].partition("†")[0] for row in _rows(numbers)]
    assert order == ["worse", "better", "skeleton", "distilled", "both", "EPAM-Net"]


def test_cost_is_our_count_at_the_views_and_input_of_the_accuracy(count: Count) -> None:
    numbers = [_number(catalogue_name="mine", views=10)]
    (row,) = _rows(numbers, [count("mine", 5.0, inputs={"rgb": (3, 16, 224, 224)}, parameters=2_000_000)])
    assert (row["GMACs/view"], row["GMACs/video"], row["Parameters (M)"]) == ("5.00", "50.0", "2.00")
    (row,) = _rows(numbers, [count("mine", 5.0, inputs={"rgb": (3, 8, 224, 224)})])
    assert row["GMACs/view"] == "not counted"
    assert row["GMACs/video"].startswith("not counted≠[")


def test_papers_cost_is_marked_unless_it_is_of_that_accuracys_views_and_input() -> None:
    numbers = [_number(views=10), _printed_cost("590.0", views=3)]
    (row,) = _rows(numbers)
    assert row["Paper's Table 1 (G)"].startswith("590.0†≠[")
    note = _note(data_set_table((), "ntu60", numbers), 0, "Paper's Table 1 (G)")
    assert note.startswith("printed for 3 views of rgb 3x16x224x224, accuracy of 10 views of")
    (row,) = _rows([_number(views=3), _printed_cost("590.0", views=3)])
    assert row["Paper's Table 1 (G)"].startswith("590.0†[")
    (row,) = _rows([_number(views=None), _printed_cost("590.0", views=None)])
    assert row["Paper's Table 1 (G)"].startswith("590.0†≠[")


@pytest.mark.parametrize("dataset", PAPER_DATA_SETS)
def test_no_row_has_accuracy_and_cost_at_other_views_without_a_mark(dataset: str, count: Count) -> None:
    table = data_set_table([count(), count("posec3d"), count("timesformer", 195.8)], dataset)
    costs = [
        index
        for index, column in enumerate(table.columns)
        if column.key in {"gmacs_per_video", "printed_gmacs"}
    ]
    for row, record in zip(lay_out(table).rows, table.frame.to_dict(orient="records"), strict=True):
        for index in costs:
            cell = row[index]
            if cell.absent or cell.warning or cell.evidence is None:
                continue
            views = [number.views for number in cell.evidence.numbers]
            views += [int(cell.evidence.working.split(" × ")[0])] if cell.evidence.records else []
            assert views
            assert cell.evidence.working or set(views) == {record["views"]}, plain_text(row[0])


def test_measured_accuracy_has_its_interval_and_is_not_marked_as_quoted(
    accuracy: Accuracy, count: Count
) -> None:
    records: list[AnyRecord] = [accuracy(views=10), count(gmacs=7.0, num_classes=2)]
    rows = _rows([_number()], records)
    (measured,) = [row for row in rows if row["Source of accuracies"] == "measured here"]
    assert measured["X-Sub (%)"] == "87.5 [77.5, 97.5]"
    assert measured["X-View (%)"] == "–"
    assert (measured["GMACs/view"], measured["GMACs/video"]) == ("7.00", "70.0")
    assert measured["Model"].startswith("EPAM-Net[")
    assert [row["Model"] for row in rows if row is not measured] == ["Net†"]
    assert "1 measured here with intervals, 1 quoted" in data_set_table(records, "ntu60", [_number()]).caption


def test_accuracy_on_another_part_or_data_set_is_not_among_them(accuracy: Accuracy) -> None:
    records = [accuracy(part="train", split="xsub_train"), accuracy(dataset="pku_mmd")]
    assert len(_rows([_number()], records)) == 1


def test_mean_class_accuracy_is_measured_where_it_is_what_is_published(accuracy: Accuracy) -> None:
    # Classes of 4 and 4 samples; top-1 is 7 of 8, the mean of 3/4 and 1 the same here, with its own interval.
    table = data_set_table([accuracy(dataset="toyota_smarthome", protocol="cs")], "toyota_smarthome")
    assert "CS (%)" in lay_out(table).headers
    (row,) = table.frame[table.frame["origin"] == "measured"].to_dict(orient="records")
    assert row["cs_mean_class_accuracy_percent"] == pytest.approx(87.5)


def test_notes_of_the_model_and_of_the_source_stand_at_the_name(count: Count) -> None:
    record = count("mine", 5.0, inputs={"rgb": (3, 16, 224, 224)}, notes=("our reading",))
    table = data_set_table([record], "ntu60", [_number(catalogue_name="mine", note="printed so")])
    assert _note(table, 0, "Model") == "printed so; our reading"


def test_data_set_that_nobody_published_on_is_an_empty_table() -> None:
    table = data_set_table((), "ntu60", ())
    assert len(table.frame) == 0
    assert [column.header for column in table.columns if "X-" in column.header] == ["X-Sub (%)", "X-View (%)"]


def test_ensemble_has_the_parameters_and_the_cost_of_all_its_networks(count: Count) -> None:
    numbers = [_number(catalogue_name="mine", views=10, networks=4)]
    (row,) = _rows(numbers, [count("mine", 2.0, inputs={"rgb": (3, 16, 224, 224)}, parameters=1_500_000)])
    assert (row["Parameters (M)"], row["GMACs/view"], row["GMACs/video"]) == ("6.00", "8.00", "80.0")


def test_every_cell_rests_on_something_or_says_why_it_is_empty(count: Count) -> None:
    for row in lay_out(data_set_table([count()], "ntu60")).rows:
        for cell in row:
            assert cell.evidence is not None, cell
            assert cell.absent or cell.evidence.citation, cell


@pytest.mark.parametrize(
    ("modality", "group"),
    [
        ("RGB", "RGB"),
        ("2D pose", "pose"),
        ("RGB+3D pose", "RGB and pose"),
        ("RGB (pose in training)", "RGB and pose"),
    ],
)
def test_modalities_are_grouped_as_the_paper_does(modality: str, group: str) -> None:
    assert group_of(modality) == group
