from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from epam.data.annotations import Annotation, Problem
from epam.data.datasets import get_dataset
from epam.data.preparation.split_checks import check_protocol, check_store, has_split
from epam.data.store import SkeletonStore

NTU = get_dataset("ntu60")
XSUB = NTU.protocol("xsub")
TRAIN, TEST = "S001C001P001R001A001", "S001C001P003R001A002"


def pack(
    labels: Mapping[str, int], splits: Mapping[str, Sequence[str]], problems: Sequence[Problem] = ()
) -> SkeletonStore:
    skeletons = np.ones((1, 1, 17, 2), np.float16), np.ones((1, 1, 17), np.float16)
    samples = [Annotation(name, label, (9, 9), 1, *skeletons) for name, label in labels.items()]
    return SkeletonStore.pack(samples, splits, problems)


GOOD = pack({TRAIN: 0, TEST: 1}, {"xsub_train": [TRAIN], "xsub_val": [TEST]})
SMALL = replace(XSUB, expected_counts={"train": 1, "test": 1}, counts_without_missing={})


def kinds(store: SkeletonStore, protocol=SMALL, dataset=NTU) -> list[str]:
    return [finding.kind for finding in check_protocol(store, dataset, protocol)[1]]


def test_a_store_as_it_should_be_has_no_findings() -> None:
    counts, findings = check_protocol(GOOD, NTU, SMALL)
    assert findings == []
    assert [(count.part, count.split, count.found, count.usable) for count in counts] == [
        ("train", "xsub_train", 1, 1),
        ("test", "xsub_val", 1, 1),
    ]


def test_a_count_that_is_not_the_published_one_is_found() -> None:
    _, findings = check_protocol(GOOD, NTU, XSUB)
    assert "xsub train (split xsub_train): has 1 samples, published are 40,320 or 40,091" in [
        finding.message for finding in findings
    ]


@pytest.mark.parametrize(("raw", "without_missing"), [(1, 5), (5, 1)])
def test_the_count_with_and_without_missing_skeletons_are_both_right(raw: int, without_missing: int) -> None:
    protocol = replace(
        XSUB, expected_counts={"train": raw}, counts_without_missing={"train": without_missing}
    )
    assert kinds(GOOD, protocol) == []


def test_a_sample_in_two_parts_is_found() -> None:
    store = pack({TRAIN: 0, TEST: 1}, {"xsub_train": [TRAIN], "xsub_val": [TEST, TRAIN]})
    assert kinds(store, replace(SMALL, expected_counts={})) == ["overlap", "rule"]


def test_a_sample_in_the_part_that_the_rule_does_not_put_it_in_is_found() -> None:
    store = pack({TRAIN: 0, TEST: 1}, {"xsub_train": [TEST], "xsub_val": [TRAIN]})
    _, findings = check_protocol(store, NTU, SMALL)
    assert findings[0].message == (
        f"sample {TEST} is in split xsub_train; NTU RGB+D X-Sub's rule puts it in test"
    )
    assert len(findings) == 2


def test_a_name_that_is_not_the_data_sets_is_found() -> None:
    store = pack({"odd": 0, TEST: 1}, {"xsub_train": ["odd"], "xsub_val": [TEST]})
    assert kinds(store) == ["rule"]


def test_a_label_that_the_name_or_the_classes_contradict_is_found() -> None:
    store = pack({TRAIN: 7, TEST: 60}, {"xsub_train": [TRAIN], "xsub_val": [TEST]})
    messages = [finding.message for finding in check_protocol(store, NTU, SMALL)[1]]
    assert messages == [
        f"sample {TRAIN} has label 7, its name says 0",
        f"sample {TEST} has label 60, X-Sub has 60 classes",
    ]


def test_toyotas_labels_are_the_ranks_of_the_names_in_the_protocol() -> None:
    toyota = get_dataset("toyota_smarthome")
    protocol = replace(toyota.protocol("cs"), expected_counts={})
    walk = protocol.class_names.index("Walk")
    names = ["Walk_p03_r00_v01_c01", "Walk_p02_r00_v01_c01"]
    splits = {"cs_train": names[:1], "cs_test": names[1:]}
    assert kinds(pack(dict.fromkeys(names, walk), splits), protocol, toyota) == []
    assert kinds(pack(dict.fromkeys(names, 3), splits), protocol, toyota) == ["label", "label"]


def test_a_part_without_a_split_or_samples_is_found() -> None:
    assert kinds(pack({TRAIN: 0}, {"xsub_train": [TRAIN]})) == ["no split"]
    assert kinds(pack({TRAIN: 0}, {"xsub_train": [TRAIN], "xsub_val": []})) == ["count"]


def test_samples_without_annotation_are_counted_and_not_usable() -> None:
    store = pack({TEST: 1}, {"xsub_train": [TRAIN], "xsub_val": [TEST]}, [Problem(TRAIN, "is broken")])
    counts, _ = check_protocol(store, NTU, SMALL)
    assert (counts[0].found, counts[0].usable) == (1, 0)
    assert [finding.message for finding in check_store(store, NTU, Path("root"))] == ["is broken"]


def test_a_store_without_splits_is_counted_by_the_rule() -> None:
    counts, findings = check_protocol(pack({TRAIN: 0, TEST: 1}, {}), NTU, SMALL)
    assert [(count.split, count.found) for count in counts] == [(None, 1), (None, 1)]
    assert findings == []


def test_a_store_of_another_data_set_is_found(tmp_path: Path) -> None:
    GOOD.write(tmp_path, dataset="ntu120")
    (finding,) = check_store(SkeletonStore.open(tmp_path), NTU, tmp_path)
    assert "was prepared for ntu120, not for ntu60" in finding.message


def test_custom_splits_are_held_against_each_other_within_a_protocol() -> None:
    custom = get_dataset("custom")
    splits = {"mine_train": ["a"], "mine_val": ["a", "b"], "other_train": ["b"], "other_test": ["a"]}
    (finding,) = check_store(pack({"a": 0, "b": 0}, splits), custom, Path("root"))
    assert "1 samples are in both mine_train and mine_val, such as a" in finding.message


def test_a_protocol_is_there_when_one_of_its_splits_is() -> None:
    assert has_split(GOOD, XSUB)
    assert not has_split(GOOD, NTU.protocol("xview"))
