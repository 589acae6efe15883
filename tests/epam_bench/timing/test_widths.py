from __future__ import annotations

import math

from epam_bench.timing.widths import base_of, half_width, widths


def test_forms_are_compared_with_the_twin_else_with_eager_and_networks_with_the_first_form(trial) -> None:
    twin, fused = trial("small", backend="reference"), trial("small", backend="fused")
    other, other_fused = trial("other"), trial("other", backend="fused")
    subjects = [twin, fused, other_fused, other]
    assert [base_of(subject, subjects) for subject in subjects] == [None, twin, other, twin]


def test_twice_the_time_in_every_turn_is_known_exactly() -> None:
    base = {(process, turn): [10.0 + turn] for process in range(3) for turn in range(4)}
    twice = {key: [2 * value for value in values] for key, values in base.items()}
    assert half_width(twice, base) < 1e-9


def test_one_process_knows_nothing_and_no_common_turn_neither() -> None:
    one = {(0, 0): [1.0, 2.0], (0, 1): [1.5]}
    assert half_width(one, None) == math.inf
    assert half_width(one, {(1, 0): [1.0]}) == math.inf
    assert half_width({}, one) == math.inf
    assert half_width(one, {}) == math.inf


def test_forms_without_a_common_turn_are_known_by_their_medians() -> None:
    base = {(process, 0): [10.0 + process] for process in range(0, 6, 2)}
    other = {(process, 0): [10.0 + process] for process in range(1, 7, 2)}
    assert 0.1 < half_width(other, base) < 1


def test_single_subject_is_known_by_its_median_the_first_of_several_by_nothing(trial) -> None:
    first, second = trial("small"), trial("other")
    blocks = {(process, 0): [1.0] for process in range(3)}
    assert list(widths({first: blocks})) == [first]
    assert list(widths({first: blocks, second: blocks})) == [second]
