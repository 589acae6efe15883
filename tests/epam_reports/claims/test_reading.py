"""The order of departures is one of how much they take to believe."""

from __future__ import annotations

from epam_reports.claims.reading import Burden, Departure


def test_views_are_graver_than_a_factor_of_two_and_that_graver_than_a_convention() -> None:
    assert Departure.NONE < Departure.CONVENTION < Departure.MAC_FLOP < Departure.VIEWS


def test_a_known_rule_weighs_less_than_two_flops_and_that_less_than_other_frames() -> None:
    """Twice the frames are twice the cost, too: of the two the plainer is to be named."""
    assert Burden.OWN_RULE < Burden.RULE < Burden.MAC_FLOP < Burden.VIEWS_OF_ACCURACY < Burden.OTHER_INPUT


def test_two_departures_together_weigh_more_than_the_heavier_alone() -> None:
    assert Burden.RULE + Burden.MAC_FLOP > Burden.MAC_FLOP
    assert Burden.RULE + Burden.RULE <= Burden.MAC_FLOP
