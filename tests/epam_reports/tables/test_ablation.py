"""The ablation's rows: one variant over its seeds, compared only with what is comparable."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from epam_bench.records import AblationTrial, AnyRecord, CountRecord
from epam_reports.table import lay_out, text_frame
from epam_reports.tables import ablation_table

Trial = Callable[..., AblationTrial]


def _fails_on(records: list[AnyRecord]) -> dict[str, str]:
    frame = ablation_table(records).frame
    return dict(zip(frame["variant"], frame["fails_on"], strict=True))


def test_row_has_mean_and_range_of_all_classes_and_of_each_kind(trial: Trial) -> None:
    trials = [trial(percents=(90, 60, 30), seed=0), trial(percents=(94, 80, 36), seed=1)]
    (row,) = text_frame(ablation_table(trials)).to_dict(orient="records")
    assert row["Variant"] == "fused"
    assert row["All (%)"] == "65.0 [60.0, 70.0]"
    assert row["movement (%)"] == "92.0 [90.0, 94.0]"
    assert row["object (%)"] == "70.0 [60.0, 80.0]"
    assert row["order (%)"] == "33.0 [30.0, 36.0]"
    assert (row["Seeds"], row["Recipe"], row["Epochs"], row["Training (min)"]) == (
        *("2", "tiny_multimodal", "5", "1.0"),
    )


def test_rows_stand_in_the_papers_order_and_strangers_last(trial: Trial) -> None:
    names = ("mine", "fused without shift", "fused", "RGB", "pose", "fused without attention")
    frame = ablation_table([trial(name) for name in names]).frame
    assert frame["variant"].tolist() == [
        *("pose", "RGB", "fused", "fused without attention", "fused without shift", "mine")
    ]


def test_newest_trial_of_a_seed_counts(trial: Trial) -> None:
    old = trial(percents=(10, 10, 10))
    new = trial(percents=(90, 90, 90), created=old.created + timedelta(days=1))
    (row,) = ablation_table([new, old]).frame.to_dict(orient="records")
    assert (row["seeds"], row["all_mean_percent"]) == (1, 90.0)


def test_one_seed_has_no_range_and_says_so(trial: Trial) -> None:
    table = ablation_table([trial()])
    assert text_frame(table)["All (%)"].tolist() == ["90.0"]
    assert lay_out(table).footnotes == (("a", "one seed: no spread"),)


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": "multimodal"},
        {"epochs": 10},
        {"training_samples": 100},
        {"split_sha256": "6" * 64},
        {"protocol": "xview"},
        {"dataset": "ntu60"},
        {"precision": "bf16"},
        {"inputs": {"rgb": (3, 6, 96, 96)}},
        {"parameters": 7},
    ],
)
def test_trials_of_other_recipes_data_or_networks_never_share_a_row(
    trial: Trial, other: dict[str, object]
) -> None:
    frame = ablation_table([trial(), trial(percents=(10, 10, 10), seed=1, **other)]).frame
    assert sorted(frame["all_mean_percent"]) == [10.0, 90.0]
    assert set(frame["seeds"]) == {1}


def test_variant_fails_on_a_kind_where_it_only_guesses(trial: Trial) -> None:
    trials = [
        *(trial("pose", (90, 25 + seed, 90), seed=seed) for seed in range(3)),
        *(trial("fused", (92, 92, 92), seed=seed) for seed in range(3)),
        *(trial("fused without shift", (92, 92, 49 + seed), seed=seed) for seed in range(3)),
    ]
    assert _fails_on([*trials]) == {
        "pose": "object (26.0 % against 92.0 % of fused)",
        "fused": "none",
        "fused without shift": "order (50.0 % against 92.0 % of fused)",
    }


def test_variant_somewhat_behind_or_with_one_good_seed_does_not_fail(trial: Trial) -> None:
    behind = [trial("pose", (90, 70, 90)), trial("fused", (90, 90, 90))]
    assert _fails_on([*behind])["pose"] == "none"
    # Its mean is a third of the best one's, but one of its seeds is as good as the worst of the best's.
    lucky = [trial("pose", (90, hits, 90), seed=seed) for seed, hits in enumerate((0, 0, 91))]
    best = [trial("fused", (90, hits, 90), seed=seed) for seed, hits in enumerate((90, 95, 100))]
    assert _fails_on([*lucky, *best])["pose"] == "none"


def test_chance_is_a_failure_even_of_the_best(trial: Trial) -> None:
    assert _fails_on([trial("pose", (90, 8, 90)), trial("fused", (90, 8, 90))]) == {
        "pose": "object (8.0 %, chance is 8.3 %)",
        "fused": "object (8.0 %, chance is 8.3 %)",
    }


def test_small_and_full_recipes_are_not_compared_with_each_other(trial: Trial) -> None:
    frame = ablation_table([trial("pose", (90, 25, 90)), trial("fused", recipe="multimodal")]).frame
    assert set(frame["fails_on"]) == {"no other variant to compare with"}


def test_rule_is_below_the_table_with_the_seeds_in_which_fused_is_ahead(trial: Trial) -> None:
    trials = [
        *(trial("pose", (hits, 50, 50), seed=seed) for seed, hits in enumerate((10, 10, 100))),
        *(trial("fused", (60, 50, 50), seed=seed) for seed in range(4)),
    ]
    rule, ahead = ablation_table(trials).remarks
    assert "at most two thirds" in rule
    assert ahead == (
        "Embedded (drawn) X-Sub, tiny_multimodal, 5 epochs: fused is ahead of pose in 2 of 3 seeds."
    )


def test_missing_seed_missing_samples_and_caveats_are_footnotes(trial: Trial) -> None:
    short = trial("pose", (90, 90), kinds=("movement", "object"), caveats=("one video was damaged",))
    table = ablation_table([short, trial("fused"), trial("fused", seed=1)])
    (note,) = [note for _, note in lay_out(table).footnotes]
    assert note == (
        "one seed: no spread; lacks seed 1, which others have; evaluated on 200 samples, others on up to "
        "300; one video was damaged"
    )
    assert text_frame(table)["order (%)"].tolist() == ["–", "90.0 [90.0, 90.0]"]


def test_data_without_kinds_has_accuracies_alone(trial: Trial) -> None:
    table = ablation_table([trial(groups=())])
    assert [column for column in text_frame(table) if column.endswith("(%)")] == ["All (%)"]
    assert table.frame["fails_on"].isna().all()
    assert table.remarks == ()


def test_several_data_sets_are_columns_and_one_is_in_the_caption(trial: Trial) -> None:
    assert ablation_table([trial()]).caption.startswith("Embedded (drawn) X-Sub.")
    frame = text_frame(ablation_table([trial(), trial(protocol="xview")]))
    assert frame["Split"].tolist() == ["X-Sub", "X-View"]


def test_every_trial_is_in_the_details(trial: Trial) -> None:
    details = ablation_table([trial(seed=0), trial("pose", (1, 2, 3), seed=1)]).details["trials"]
    assert details[["variant", "seed", "hits", "kind_order_hits"]].to_numpy().tolist() == [
        ["fused", 0, 270, 90],
        ["pose", 1, 6, 3],
    ]


def test_kind_called_all_is_not_the_sum(trial: Trial) -> None:
    frame = ablation_table([trial(percents=(80, 40), kinds=("all", "order"))]).frame
    assert (frame["all_mean_percent"][0], frame["kind_all_mean_percent"][0]) == (60.0, 80.0)


def test_without_trials_the_table_is_empty_and_typed(count: Callable[..., CountRecord]) -> None:
    table = ablation_table([count()])
    assert table.frame.empty
    assert str(table.frame["seeds"].dtype) == "Int64"
