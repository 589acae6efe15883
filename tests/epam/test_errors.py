from __future__ import annotations

from epam.errors import UnknownNameError


def test_a_miss_names_the_nearest() -> None:
    assert str(UnknownNameError("model", "EPAMNet", ["epam_net", "c3d"])) == (
        "unknown model 'EPAMNet'; did you mean 'epam_net'?"
    )


def test_a_part_of_a_name_is_near_enough() -> None:
    assert UnknownNameError("model", "r50", ["slowonly_r50", "c3d"]).nearest == ["slowonly_r50"]


def test_nothing_near_lists_everything() -> None:
    assert "known: fvcore, thop, torch" in str(
        UnknownNameError("counter", "zzz", ["torch", "thop", "fvcore"])
    )


def test_case_does_not_matter_and_the_name_is_told_as_it_is() -> None:
    assert UnknownNameError("sample", "s001c001p001r001a010", ["S001C001P001R001A010"]).nearest == [
        "S001C001P001R001A010"
    ]


def test_a_long_list_is_counted_not_poured_out() -> None:
    text = str(UnknownNameError("sample", "???", [f"s{number:06}" for number in range(50_000)]))
    assert text.endswith("and 49980 more")
    assert len(text) < 400
