"""Protocols of records are found among the published ones."""

from __future__ import annotations

from epam.data.datasets import get_dataset, list_datasets
from epam_reports.protocols import PAPER_DATA_SETS, PUBLISHED_NAMES, published_name, splits_of
from epam_reports.published import load_published


def test_every_protocol_of_every_data_set_has_a_name() -> None:
    ours = {
        (name, protocol.name)
        for name in list_datasets()
        if name != "custom"
        for protocol in get_dataset(name).protocols
    }
    assert ours == set(PUBLISHED_NAMES)


def test_every_published_protocol_of_these_data_sets_is_found() -> None:
    named = set(PUBLISHED_NAMES.values())
    published = {(number.dataset, number.split) for number in load_published() if number.dataset}
    elsewhere = {dataset for dataset, _ in published} - {dataset for dataset, _ in named}
    assert elsewhere == {"Kinetics-400", "UCF101"}
    assert {pair for pair in published if pair[0] not in elsewhere} <= named


def test_users_own_data_set_keeps_its_names() -> None:
    assert published_name("custom", "mine") == ("custom", "mine")


def test_papers_data_sets_are_known_with_their_splits() -> None:
    assert {name: splits_of(name) for name in PAPER_DATA_SETS} == {
        "ntu60": ("X-Sub", "X-View"),
        "ntu120": ("X-Sub", "X-Set"),
        "pku_mmd": ("X-Sub", "X-View"),
        "toyota_smarthome": ("CS", "CV1", "CV2"),
    }
    assert splits_of("mine") == ()
