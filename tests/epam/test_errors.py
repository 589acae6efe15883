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
