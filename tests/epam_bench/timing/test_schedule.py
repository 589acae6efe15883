"""When a run goes on and when it stops; who takes turns with whom."""

from __future__ import annotations

import math
from itertools import count
from types import SimpleNamespace

import pytest

from epam_bench.machine_load import LoadReading
from epam_bench.timing import schedule
from epam_bench.timing.child import Child
from epam_bench.timing.contestant import Contestant
from epam_bench.timing.effort import Effort, Limits
from epam_bench.timing.messages import Message
from epam_bench.timing.schedule import Run, share_of_others
from epam_bench.timing.worker import WorkerError

pytestmark = pytest.mark.usefixtures("children_within")


def run(subjects, **effort: object) -> tuple[Run, list[str]]:
    said: list[str] = []
    one = Run(subjects, Effort(warmup_calls=1, compared_clips=1, **effort), Limits(), said.append)  # type: ignore[arg-type]
    one.go()
    return one, said


def turns(said: list[str]) -> list[str]:
    return [line.partition(";")[0] for line in said if line.startswith("round")]


def test_every_round_has_every_subject_once_in_an_order_of_its_own(trial, monkeypatch) -> None:
    monkeypatch.setattr(schedule, "widths", lambda taken: dict.fromkeys(taken, 0.001))
    subjects = [trial(), trial("other"), trial("small", batch_size=2)]
    _, said = run(subjects, processes=1, budget_seconds=1e6, samples=1)
    names = [line.partition(": ")[2] for line in turns(said)]
    rounds = [tuple(names[start : start + 3]) for start in range(0, len(names), 3)]
    assert all(sorted(one) == ["other", "small", "small, batch 2"] for one in rounds)
    assert len(set(rounds)) > 1


def test_no_budget_is_one_generation_of_one_round(trial) -> None:
    one, said = run([trial()], budget_seconds=0)
    assert one.generations == 1
    assert turns(said) == ["round 1 of generation 1: small"]


def test_what_later_processes_are_spared_is_not_set_aside_for_them(trial, monkeypatch) -> None:
    do = Child.do

    def spare(child: Child, order: Message) -> Message:
        return do(child, order) | {"spared_seconds": 1000.0}

    monkeypatch.setattr(Child, "do", spare)
    one, _ = run([trial()], budget_seconds=0)
    assert one.generations == 2


def test_run_stops_at_the_target_but_not_before_its_processes_and_samples(trial, monkeypatch) -> None:
    monkeypatch.setattr(schedule, "widths", lambda taken: dict.fromkeys(taken, 0.001))
    one, _ = run([trial()], budget_seconds=1e6, processes=2, samples=400)
    assert one.generations == 2
    assert one.contestants[0].samples >= 400


def test_wide_interval_goes_on_to_the_end_of_the_budget(trial, monkeypatch) -> None:
    monkeypatch.setattr(schedule, "widths", lambda taken: dict.fromkeys(taken, 0.5))
    ticks = count()
    monkeypatch.setattr(schedule, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    one, said = run([trial()], budget_seconds=200, processes=2, samples=1)
    assert one.generations > 2
    assert one.seconds < 250
    assert one.width == 0.5
    assert said[-1].endswith("widest interval ±50.0%")


@pytest.fixture
def orders(monkeypatch) -> list[Message]:
    """What children are told to do."""
    told: list[Message] = []
    do = schedule.Nursery.split  # type: ignore[attr-defined]

    def split(nursery):
        worker = do(nursery)
        ask = worker.ask
        worker.ask = lambda order, seconds: told.append(order) or ask(order, seconds=seconds)
        return worker

    monkeypatch.setattr(schedule.Nursery, "split", split)
    return told


def test_logits_that_no_form_is_held_to_yet_are_computed_once_a_network(trial, orders) -> None:
    run(
        [trial(), trial(), trial("small", batch_size=2)],
        processes=2,
        budget_seconds=1e6,
        samples=1,
        target=0.99,
    )
    assert [order["do"] for order in orders].count("compute reference") == 2


def test_all_clips_are_compared_in_the_first_process_and_one_in_later_ones(
    trial, orders, monkeypatch
) -> None:
    monkeypatch.setattr(schedule, "widths", lambda taken: dict.fromkeys(taken, 0.001))
    effort = Effort(budget_seconds=1e6, processes=3, samples=1, warmup_calls=1, compared_clips=4)
    Run([trial()], effort, Limits(), lambda done: None).go()
    assert [order["clips"] for order in orders if order["do"] == "prepare"] == [4, 1, 1]


def test_every_subject_s_processes_share_a_cache_of_its_own(trial, orders, monkeypatch) -> None:
    monkeypatch.setattr(schedule, "widths", lambda taken: dict.fromkeys(taken, 0.001))
    run([trial(), trial()], processes=2, budget_seconds=1e6, samples=1)
    caches = [order["cache"] for order in orders if order["do"] == "prepare"]
    assert len(caches) == 4
    assert caches[:2] == caches[2:]
    assert len(set(caches)) == 2


def test_network_that_cannot_be_built_costs_all_its_forms_and_no_other(trial) -> None:
    one, said = run([trial("unbuildable"), trial("unbuildable", precision="bf16"), trial()], budget_seconds=0)
    assert [contestant.failure for contestant in one.contestants] == ["it cannot be built"] * 2 + [None]
    assert [line for line in said if line.startswith("preparing")] == [
        "preparing unbuildable",
        "preparing small",
    ]


def test_groups_stay_together_in_later_generations_and_share_no_process_number(trial, monkeypatch) -> None:
    room = iter([2**40, 0] + [2**40] * 100)
    monkeypatch.setattr(schedule, "free_bytes", lambda: next(room))
    monkeypatch.setattr(schedule, "widths", lambda taken: dict.fromkeys(taken, 0.001))
    one, _ = run([trial(), trial(), trial()], processes=2, budget_seconds=1e6, samples=1)
    assert [contestant.group for contestant in one.contestants] == [0, 0, 1]
    assert one.groups == 2
    processes = [{process for process, _ in contestant.blocks} for contestant in one.contestants]
    assert processes == [{0, 2}, {0, 2}, {1, 3}]


def test_full_gpu_begins_another_group(trial, monkeypatch) -> None:
    monkeypatch.setattr(schedule, "free_bytes", lambda: 2**40)
    first, second = Contestant(trial()), Contestant(trial())
    roomy = {"process_bytes": None, "device_free_bytes": None, "reserved_bytes": None}
    first.prepared = roomy
    assert schedule._has_room([first])
    for left, fits in ((9 * 2**30, True), (7 * 2**30, False)):
        second.prepared = roomy | {"device_free_bytes": left, "reserved_bytes": 4 * 2**30}
        assert schedule._has_room([first, second]) == fits


def test_nursery_that_fails_later_ends_the_run_with_what_it_has(trial, monkeypatch) -> None:
    def fail_later(nursery) -> None:
        if one.generations > 0:
            raise WorkerError("no memory")

    monkeypatch.setattr(schedule.Nursery, "wait_until_ready", fail_later)
    said: list[str] = []
    one = Run([trial()], Effort(budget_seconds=1e6), Limits(), said.append)
    one.go()
    assert one.generations == 1
    assert said[-1] == "no further process can be started: no memory"
    assert one.end == said[-1]
    assert one.contestants[0].failure is None


def let_nurseries_fail(monkeypatch, number: int) -> None:
    """From the one of that number on, counted from 0."""
    started = count()

    def fail_from(nursery) -> None:
        if next(started) >= number:
            raise WorkerError("no memory")

    monkeypatch.setattr(schedule.Nursery, "wait_until_ready", fail_from)


def test_group_that_no_nursery_can_be_started_for_fails_and_the_one_before_keeps_its_samples(
    trial, monkeypatch
) -> None:
    monkeypatch.setattr(schedule, "free_bytes", lambda: 0)
    let_nurseries_fail(monkeypatch, 1)
    one, _ = run([trial(), trial("other"), trial("small", batch_size=2)], budget_seconds=0)
    assert [contestant.samples > 0 for contestant in one.contestants] == [True, False, False]
    reason = "no further process can be started: no memory"
    assert [contestant.failure for contestant in one.contestants] == [None, reason, reason]


def test_run_that_can_start_no_process_at_all_says_so(trial, monkeypatch) -> None:
    let_nurseries_fail(monkeypatch, 0)
    with pytest.raises(WorkerError, match="no memory"):
        run([trial()], budget_seconds=0)


def test_share_of_others_is_weighed_by_time() -> None:
    def reading(wall: float, busy: float) -> LoadReading:
        return LoadReading(wall, busy, 0.0, None)

    quiet, busy = (reading(0, 0), reading(3, 0)), (reading(3, 0), reading(4, 1e6))
    assert share_of_others([quiet, busy]) == 0.25
    assert share_of_others([]) is None


def test_nothing_is_known_before_anything_is_measured(trial) -> None:
    assert Run([trial()], Effort(), Limits(), print).width == math.inf
