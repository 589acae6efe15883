"""One bad model costs only its own row; nothing is timed whose logits are wrong; records hold it all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epam.backends.equality import BOUNDS, Equality, check_equality
from epam_bench.latency import DRAWN_RANGES, measure_latency
from epam_bench.paired_timing import are_interleaved
from epam_bench.timing import child
from epam_bench.timing.child import Child
from epam_bench.timing.effort import Effort, Limits

ONCE = Effort(budget_seconds=0, processes=1, samples=2, warmup_calls=1, compared_clips=1)

WHAT_HAPPENS = {
    "hanging": "gave no answer within 4 s (take a turn); it was stopped",
    "crashing": "its process crashed (SIGSEGV, take a turn)",
    "killed": "its process was killed (take a turn), most likely for want of memory",
    "hungry": "out of memory (",
    "leaving": "its process ended with exit status 7 (take a turn): I have had enough",
    "quitting": "no more of this",
    "unbuildable": "it cannot be built",
    "wrong": "not timed, for its logits are wrong: off by ",
    "broken": "not timed, for its logits are wrong: some are no numbers (NaN, infinite), in it or in its own",
}


def test_every_way_to_fail_costs_its_own_row_and_says_what_happened(trial) -> None:
    subjects = [trial("small"), *map(trial, WHAT_HAPPENS), trial("talkative"), trial("other")]
    outcome = measure_latency(subjects, effort=ONCE, limits=Limits(turn_seconds=4))
    assert not outcome.interrupted
    assert outcome.failures.keys() == WHAT_HAPPENS.keys()
    for name, words in WHAT_HAPPENS.items():
        assert outcome.failures[name].startswith(words)
        assert "\n" not in outcome.failures[name]
    assert [record.model.name for record in outcome.records] == ["small", "talkative", "other"]
    assert len({len(record.blocks) for record in outcome.records}) == 1
    assert outcome.records[0].interleaved_with == ("talkative", "other")


def run_out_of_memory(monkeypatch, name: str, process: int, at: str) -> None:
    """Have one of a model's processes, counted from 0, fail at an order."""
    begun: list[Child] = []
    do = Child.do

    def failing(one: Child, order):
        if order["do"] == "prepare" and order["model"]["name"] == name:
            begun.append(one)
        if order["do"] == at and begun[process:] == [one]:
            raise MemoryError
        return do(one, order)

    monkeypatch.setattr(Child, "do", failing)


def several(processes: int = 3, target: float = 0.99) -> Effort:
    return Effort(
        budget_seconds=60, processes=processes, samples=3, warmup_calls=1, compared_clips=1, target=target
    )


@pytest.fixture
def narrow(monkeypatch) -> None:
    """Let a run stop when it has its processes and samples."""
    monkeypatch.setattr("epam_bench.timing.schedule.widths", lambda taken: dict.fromkeys(taken, 1e-9))


@pytest.mark.usefixtures("children_within", "narrow")
def test_row_alone_is_timed_for_longer_than_a_moment_unless_a_budget_says_otherwise(
    trial, monkeypatch
) -> None:
    monkeypatch.setattr("epam_bench.timing.schedule.LONG_ENOUGH_SECONDS", 1.0)
    effort = Effort(processes=1, samples=3, warmup_calls=1, compared_clips=1)
    (record,) = measure_latency([trial("small")], effort=effort).records
    assert record.span_seconds >= 1.0
    assert len({block.process for block in record.blocks}) > 1
    (quick,) = measure_latency([trial("small")], effort=replace(effort, budget_seconds=60)).records
    assert {block.process for block in quick.blocks} == {0}


@pytest.mark.usefixtures("children_within", "narrow")
@pytest.mark.parametrize("at", ["prepare", "take a turn"])
def test_row_that_fails_in_a_later_generation_keeps_what_it_gave_and_says_so(trial, monkeypatch, at) -> None:
    run_out_of_memory(monkeypatch, "other", 1, at)
    outcome = measure_latency([trial("small"), trial("other")], effort=several())
    line = "failed in generation 2, so that its figure is from 1 process: out of memory (MemoryError)"
    assert outcome.failures == {"other": line}
    small, other = outcome.records
    assert line in other.caveats
    assert line not in small.caveats
    assert [{block.process for block in record.blocks} for record in (small, other)] == [{0, 1, 2}, {0}]
    assert small.interleaved_with == ("other",)
    assert (small.failed, other.failed) == (False, True)
    assert small.span_seconds > 0


@pytest.mark.usefixtures("children_within", "narrow")
def test_wide_interval_is_not_for_want_of_time_where_a_row_of_the_ratio_failed(trial, monkeypatch) -> None:
    run_out_of_memory(monkeypatch, "small", 3, "prepare")
    outcome = measure_latency([trial("small"), trial("other")], effort=several(processes=4, target=1e-6))
    small, other = outcome.records
    assert "from 3 processes" in small.caveats[0]
    assert any(caveat.endswith("a row that failed is in it") for caveat in other.caveats)


@pytest.mark.usefixtures("children_within", "narrow")
def test_row_whose_logits_are_wrong_in_a_later_generation_is_withdrawn(trial, monkeypatch) -> None:
    found: list[Equality] = []

    def wrong_at_last(*given, **options) -> Equality:
        found.append(check_equality(*given, **options))
        return replace(found[-1], relative_error=1.0) if len(found) == 4 else found[-1]

    monkeypatch.setattr(child, "check_equality", wrong_at_last)
    outcome = measure_latency([trial("small"), trial("other")], effort=several())
    assert [record.model.name for record in outcome.records] == ["small"]
    assert outcome.failures.keys() == {"other"}
    assert outcome.failures["other"].startswith("not timed, for its logits are wrong: off by 1.0e+00")


@pytest.mark.usefixtures("children_within", "narrow")
def test_record_holds_samples_by_turn_equality_memory_and_setting(trial) -> None:
    effort = Effort(budget_seconds=60, processes=2, samples=4, warmup_calls=1)
    subjects = [trial("small", batch_size=3), trial("small", batch_size=3, precision="bf16")]
    outcome = measure_latency(subjects, effort=effort)
    assert outcome.failures == {}
    first, second = outcome.records
    assert sorted({block.process for block in first.blocks}) == [0, 1]
    assert first.samples_by_block.keys() == second.samples_by_block.keys()
    assert sum(block.samples for block in first.blocks) == len(first.samples_ms) >= 4
    assert (first.batch_size, first.threads, first.device, first.backend) == (3, 1, "cpu", "eager")
    assert (first.clock, first.warmup_calls, first.task) == ("perf_counter", 1, "inference")
    assert first.equality is not None
    assert first.equality.clips == 6
    assert first.equality.relative_error < 1e-6
    assert second.equality is not None
    assert 1e-6 < second.equality.relative_error < second.equality.bound == BOUNDS["bf16"]
    assert second.weights_bytes < first.weights_bytes
    assert first.preparation_seconds is not None
    assert first.first_call_ms is not None
    assert first.device_before is not None
    assert first.others_cpu_fraction is not None
    assert first.run == second.run
    assert first.interleaved_with == ("small, bf16, batch 3",)
    assert any("from 2 processes, where 3 are needed" in caveat for caveat in first.caveats)


@pytest.mark.usefixtures("children_within")
def test_stopped_half_way_keeps_whole_turns_and_says_so(trial) -> None:
    turns: list[str] = []

    def stop(done: str) -> None:
        turns.append(done)
        if "round 2" in done:
            raise KeyboardInterrupt

    effort = Effort(budget_seconds=1e6, samples=10**6, warmup_calls=1)
    outcome = measure_latency([trial("small"), trial("other")], effort=effort, report=stop)
    assert outcome.interrupted
    assert sorted(len(record.blocks) for record in outcome.records) == [1, 2]
    assert all(record.interrupted for record in outcome.records)
    assert any("interrupted after" in caveat for caveat in outcome.records[0].caveats)


@pytest.mark.usefixtures("children_within")
def test_run_that_is_not_done_in_its_budget_says_how_wide_the_interval_is(trial) -> None:
    effort = Effort(budget_seconds=0, processes=1, samples=2, warmup_calls=1, target=1e-6)
    (record,) = measure_latency([trial("small")], effort=effort).records
    assert any("from 1 process, where 3 are needed" in caveat for caveat in record.caveats)


@pytest.mark.usefixtures("children_within")
def test_network_that_gives_no_logits_is_compared_by_all_it_gives(trial) -> None:
    outcome = measure_latency([trial("in_pieces", batch_size=2)], effort=ONCE)
    (record,) = outcome.records
    assert record.equality is not None
    assert record.equality.relative_error < 1e-6


@pytest.mark.usefixtures("children_within")
def test_network_that_cannot_compute_in_float64_is_its_own_reference(trial) -> None:
    (record,) = measure_latency([trial("single_precision")], effort=ONCE).records
    assert record.equality is not None
    assert record.equality.reference == "its own eager form in float32, for it has none in float64"


@pytest.mark.usefixtures("children_within")
def test_int8_on_random_ranges_is_a_caveat(trial, monkeypatch) -> None:
    monkeypatch.setattr(child, "optimize", _float32_whatever_is_asked)
    (record,) = measure_latency([trial("small", precision="int8", backend="openvino")], effort=ONCE).records
    assert DRAWN_RANGES in record.caveats


def _float32_whatever_is_asked(model, *, calibration, example_inputs, **options):
    from epam.backends import optimize

    assert len(calibration) > 0
    return optimize(model, backend="eager", example_inputs=example_inputs)


@pytest.mark.usefixtures("children_within")
def test_groups_that_memory_keeps_apart_say_so(trial, monkeypatch) -> None:
    monkeypatch.setattr("epam_bench.timing.schedule.free_bytes", lambda: 0)
    records = measure_latency([trial("small"), trial("other")], effort=ONCE).records
    assert [record.interleaved_with for record in records] == [(), ()]
    assert not are_interleaved(*records)
    assert ["group 1" in records[0].caveats[-1], "group 2" in records[1].caveats[-1]] == [True, True]
