from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor, nn

from epam_bench import latency
from epam_bench.devices import Setting
from epam_bench.latency import count_steps, measure_latency

ORDER: list[str] = []


class Noted(nn.Module):
    """Writes its name down at every call; its one weight tells what it weighs."""

    def __init__(self, name: str, *, fails_at: int | None = None, seconds: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(10))
        self.name, self.fails_at, self.seconds, self.calls = name, fails_at, seconds, 0

    def forward(self, clip: Tensor, gain: Tensor) -> Tensor:
        ORDER.append(self.name)
        self.calls += 1
        if self.calls == self.fails_at:
            raise RuntimeError("out of memory\nwith a long story")
        if self.seconds:
            time.sleep(self.seconds)
        assert not self.training
        return clip.sum() * gain


@pytest.fixture(autouse=True)
def no_child_processes(monkeypatch) -> None:
    ORDER.clear()
    monkeypatch.setattr(latency, "measure_peak_memory", lambda spec, setting: 123)


@pytest.fixture
def noted(tiny_spec):
    def make(name: str, **options: object):
        return tiny_spec(name, build=lambda num_classes: Noted(name, **options))  # type: ignore[arg-type]

    return make


def test_models_take_turns_every_round(noted) -> None:
    outcome = measure_latency([noted("a"), noted("b"), noted("c")], Setting(), samples=8, warmup_calls=2)
    assert ORDER[:6] == ["a", "a", "b", "b", "c", "c"]
    rounds = [tuple(ORDER[start : start + 3]) for start in range(6, 6 + 24, 3)]
    assert all(sorted(turn) == ["a", "b", "c"] for turn in rounds)
    assert len(set(rounds)) > 1
    assert [record.interleaved_with for record in outcome.records] == [("b", "c"), ("a", "c"), ("a", "b")]


def test_record_holds_every_sample_and_the_setting(noted) -> None:
    setting = Setting(batch_size=3, threads=1)
    (record,) = measure_latency([noted("slow", seconds=0.002)], setting, samples=5).records
    assert len(record.samples_ms) == 5
    assert min(record.samples_ms) >= 2.0
    assert (record.batch_size, record.threads, record.device, record.precision) == (3, 1, "cpu", "fp32")
    assert record.weights_bytes == 40
    assert record.peak_memory_bytes == 123
    assert record.clock == "perf_counter"
    assert record.others_cpu_fraction is not None
    assert 0 <= record.others_cpu_fraction <= 1


def test_half_precision_halves_the_weights(noted) -> None:
    (record,) = measure_latency([noted("a")], Setting(precision="bf16"), samples=2).records
    assert record.weights_bytes == 20


def test_model_that_fails_costs_only_its_own_row(noted) -> None:
    specs = [noted("good"), noted("late", fails_at=4), noted("early", fails_at=1)]
    outcome = measure_latency(specs, Setting(), samples=3, warmup_calls=2)
    assert [record.model.name for record in outcome.records] == ["good"]
    assert outcome.failures == {"late": "out of memory", "early": "out of memory"}
    assert len(outcome.records[0].samples_ms) == 3


def test_stopped_half_way_keeps_what_was_measured_and_says_so(noted) -> None:
    steps = []

    def stop(done: str) -> None:
        steps.append(done)
        if len(steps) == 8:
            raise KeyboardInterrupt

    outcome = measure_latency([noted("a"), noted("b")], Setting(), samples=50, warmup_calls=1, report=stop)
    assert outcome.interrupted
    assert sum(len(record.samples_ms) for record in outcome.records) == 4
    assert all("interrupted after" in record.caveats[-1] for record in outcome.records)


def test_progress_comes_once_a_step(noted) -> None:
    steps: list[str] = []
    measure_latency([noted("a"), noted("b")], Setting(), samples=3, warmup_calls=2, report=steps.append)
    assert len(steps) == count_steps(2, warmup_calls=2, samples=3)


def test_threads_are_put_back(noted) -> None:
    before = torch.get_num_threads()
    measure_latency([noted("a")], Setting(threads=before + 1), samples=2)
    assert torch.get_num_threads() == before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_cuda_run_is_synchronised_and_has_its_own_memory(precision) -> None:
    from epam_baselines import model_spec

    setting = Setting(device="cuda", precision=precision)
    (record,) = measure_latency([model_spec("x_shiftnet_pose")], setting, samples=5).records
    assert record.clock == "perf_counter, device synchronised"
    assert record.peak_memory_bytes is not None
    assert record.peak_memory_bytes > record.weights_bytes
