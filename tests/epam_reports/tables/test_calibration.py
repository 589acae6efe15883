from __future__ import annotations

from dataclasses import replace

from epam_bench.calibration import Calibration, Share
from epam_reports.tables.calibration import (
    judge_promises,
    promises_table,
    spread_trials_table,
    trial_sizes_table,
)


def test_every_length_of_trial_has_its_shares_with_intervals(drawn_calibration: Calibration) -> None:
    table = trial_sizes_table(drawn_calibration)
    assert list(table.frame["generations"]) == [3, 4, 6, 8, 12, 16, 24]
    row = table.frame.set_index("generations").loc[8]
    assert row["seconds"] == 40
    assert row["trials"] == 18
    assert row["found_low"] < row["found"] <= row["found_high"]


def test_spread_trials_have_a_table_and_a_promise_of_their_own(drawn_calibration: Calibration) -> None:
    frame = spread_trials_table(drawn_calibration).frame.set_index("generations")
    assert frame.loc[6, "trials"] == 20
    assert frame.loc[6, "seconds"] == 150
    promises = promises_table(drawn_calibration).frame.set_index("promise")
    assert promises.loc["the same, of 6 generations spread over 150 s", "trials"] == 20
    none = replace(drawn_calibration, spread=())
    assert spread_trials_table(none).remarks == ("Too short for such trials.",)
    assert len(promises_table(none).frame) == len(promises) - 1


def test_a_promise_is_kept_or_not_by_its_bound(drawn_calibration: Calibration) -> None:
    size = drawn_calibration.judged
    good = Share(hits=95, trials=100)
    few = Share(hits=5, trials=100)
    kept = replace(size, alarms=few, alarms_between=few, found=good, covered_medians=good)
    assert list(judge_promises(replace(kept, covered_ratios=good)).values()) == ["yes"] * 5
    broken = replace(kept, alarms=Share(hits=20, trials=100), covered_ratios=Share(hits=20, trials=20))
    assert list(judge_promises(broken).values()) == ["no", "yes", "yes", "cannot tell", "yes"]


def test_trials_that_took_too_long_are_said_to_be_left_out(drawn_calibration: Calibration) -> None:
    assert trial_sizes_table(drawn_calibration).remarks == ()
    table = trial_sizes_table(replace(drawn_calibration, too_long={12: 2, 16: 1}))
    assert table.remarks == (
        "Trials left out, for they took more than 180 s: 2 of 12 generations, 1 of 16 generations.",
    )
