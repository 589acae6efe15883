"""Recordings read, cut and judged: drawn ones, whose noise is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from epam.errors import InputError
from epam_bench.calibration import (
    Calibration,
    Generation,
    Recording,
    Share,
    cut_trials,
    evaluate_calibration,
    read_recording,
    spread_trials,
)


def test_a_quiet_recording_keeps_every_promise(
    drawn_recording: Recording, drawn_calibration: Calibration
) -> None:
    size = drawn_calibration.judged
    assert size.generations == 24
    assert size.alarms.trials == len(drawn_recording.generations) // 24
    assert size.alarms.value <= 0.05
    assert size.alarms_between == Share(hits=0, trials=size.alarms.trials - 1)
    assert size.found.value >= 0.9
    assert size.covered_ratios.value >= 0.85
    assert drawn_calibration.ratio[0] == pytest.approx(1.05, abs=2e-3)
    assert drawn_calibration.equal_ratio[0] == pytest.approx(1.0, abs=2e-3)
    assert drawn_calibration.overhead_ms == pytest.approx(0.003, rel=0.2)
    assert [one.generations for one in drawn_calibration.sizes] == [3, 4, 6, 8, 12, 16, 24]


def test_trials_do_not_overlap_span_two_sessions_or_last_over_three_minutes(
    drawn_recording: Recording,
) -> None:
    first = drawn_recording.generations[0]

    def of(session: int, seconds: float = 5.0) -> Generation:
        return first.model_copy(update={"session": session, "seconds": seconds})

    generations = [of(0)] * 4 + [of(1)] * 7
    trials, too_long = cut_trials(generations, 3)
    assert [[one.session for one in trial] for trial in trials] == [[0] * 3, [1] * 3, [1] * 3]
    assert too_long == 0
    assert cut_trials([of(0, 70.0)] * 3 + [of(0)] * 4, 3) == ([[of(0)] * 3], 1)


def test_trials_that_are_too_long_are_counted_by_their_size(
    drawn_recording: Recording, drawn_calibration: Calibration
) -> None:
    slow = drawn_recording.generations[0].model_copy(update={"seconds": 50.0})
    quick = drawn_recording.generations[4:]
    too_long = (slow, slow, slow, slow, *quick)
    calibration = evaluate_calibration(Recording(drawn_recording.header, too_long))
    assert calibration.too_long == dict.fromkeys((4, 6, 8, 12, 16, 24), 1)
    assert drawn_calibration.too_long == {}
    all_slow = tuple(slow.model_copy(update={"seconds": 70.0}) for _ in range(30))
    with pytest.raises(InputError, match="besides those of 10 trials that took over three minutes"):
        evaluate_calibration(Recording(drawn_recording.header, all_slow))


def test_spread_trials_share_out_runs_of_nearly_three_minutes(drawn_recording: Recording) -> None:
    first = drawn_recording.generations[0]
    generations = [
        first.model_copy(update={"session": number // 40, "seconds": 8.0 + number / 1000})
        for number in range(60)
    ]
    trials, seconds = spread_trials(generations, 6)
    # 18 generations take 144 of 162 seconds: three trials a run, and two runs in the first session.
    assert [[generations.index(one) for one in trial] for trial in trials] == [
        list(range(begin, begin + 18, 3)) for begin in (0, 1, 2, 18, 19, 20, 40, 41, 42)
    ]
    assert seconds == pytest.approx([144] * 9, abs=1)


def test_generations_too_long_to_lie_apart_give_no_spread_trials(drawn_recording: Recording) -> None:
    slow = [one.model_copy(update={"seconds": 20.0}) for one in drawn_recording.generations]
    assert spread_trials(slow, 6) == ([], [])


def test_a_shorter_recording_is_judged_by_shorter_trials(drawn_recording: Recording) -> None:
    short = Recording(drawn_recording.header, drawn_recording.generations[:42])
    assert evaluate_calibration(short).judged.generations == 8


def test_a_recording_of_another_version_is_told_from_what_is_none(
    drawn_recording: Recording, tmp_path: Path
) -> None:
    path = tmp_path / "recording.jsonl"
    header = drawn_recording.header.model_dump_json().replace('"slowdown":0.05', '"wait_ms":0.2')
    path.write_text(header + "\n")
    with pytest.raises(InputError, match=r"another version of epam-bench calibrate.*delete it"):
        read_recording(path)


def test_an_unfinished_last_line_is_left_out(drawn_recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    lines = [drawn_recording.header, *drawn_recording.generations]
    whole = "".join(line.model_dump_json() + "\n" for line in lines)
    path.write_text(whole[:-100])
    assert len(read_recording(path).generations) == len(drawn_recording.generations) - 1


def test_what_is_no_recording_or_too_short_is_refused(drawn_recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_recording(tmp_path / "none.jsonl")
    path = tmp_path / "recording.jsonl"
    for text in ("", '{"kind": "latency"}\n', "words\n", "3\n"):
        path.write_text(text)
        with pytest.raises(InputError, match="no recording"):
            read_recording(path)
    short = Recording(drawn_recording.header, drawn_recording.generations[:4])
    with pytest.raises(InputError, match="15 are needed"):
        evaluate_calibration(short)
