"""What a run says of many rows is one note with all the counts; other notes stay apart."""

from __future__ import annotations

from epam_reports.alike_notes import outline_of, tell_together

WIDE = "busy; its ratio's interval is ±{}%, not the ±2.0% asked for: time is spent"


def test_counts_stand_in_the_order_of_the_notes_and_what_all_share_once() -> None:
    notes = [WIDE.format(percent) for percent in ("64.7", "8", "12.5")]
    assert len({outline_of(note) for note in notes}) == 1
    assert tell_together(notes) == (
        "busy; its ratio's interval is ±64.7% / ±8% / ±12.5%, not the ±2.0% asked for: time is spent"
    )


def test_samples_are_counts_with_and_without_how_many_were_asked_for() -> None:
    notes = ["stopped after 3 of 20 samples", "stopped after 4 of 20 samples"]
    assert tell_together(notes) == "stopped after 3 / 4 of 20 samples"
    assert tell_together(["interrupted after 5 samples"]) == "interrupted after 5 samples"


def test_equal_counts_of_different_places_stay_in_step() -> None:
    notes = ["after 5 samples ±1.0%", "after 5 samples ±2.0%", "after 6 samples ±2.0%"]
    assert tell_together(notes) == "after 5 / 5 / 6 samples ±1.0% / ±2.0% / ±2.0%"


def test_other_numbers_tell_notes_apart() -> None:
    assert outline_of("Table 3 of the paper") != outline_of("Table 4 of the paper")
    assert outline_of("memory held 2 groups, this one in group 1") != outline_of(
        "memory held 2 groups, this one in group 2"
    )


def test_of_many_counts_the_least_and_the_largest_are_told() -> None:
    notes = [WIDE.format(percent) for percent in (9, 10, 64.7, 8, 12, 11, 13)]
    assert "interval is ±8% to ±64.7%, not the ±2.0% asked for" in tell_together(notes)
