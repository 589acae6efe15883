"""One bad model costs only its own row; nothing is timed whose logits are wrong; records hold it all."""

from __future__ import annotations

import pytest

from epam.backends.equality import BOUNDS
from epam_bench.latency import DRAWN_RANGES, measure_latency
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
    "broken": "not timed, for its logits are wrong: off by nan of the largest from its own eager form",
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


@pytest.mark.usefixtures("children_within")
def test_record_holds_samples_by_turn_equality_memory_and_setting(trial) -> None:
    effort = Effort(budget_seconds=60, processes=2, samples=4, warmup_calls=1, target=0.99)
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
    from epam_bench.timing import child

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
    assert ["group 1" in records[0].caveats[-1], "group 2" in records[1].caveats[-1]] == [True, True]
