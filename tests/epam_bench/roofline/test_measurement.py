from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from epam.backends.backend import BackendError
from epam_baselines import ModelSpec
from epam_bench.records import MachinePeaks
from epam_bench.roofline import measurement
from epam_bench.roofline.measurement import BuiltNetwork, count_steps, measure_roofline
from epam_bench.roofline.operation import OperationPass

Spec = Callable[..., ModelSpec]

CONV_MACS, FC_MACS = (2 * 3 * 5) * 4 * 2 * 9, 4 * 6
"""Of the tiny network that all tests of measuring share."""

PEAKS = MachinePeaks(
    gflops_per_second=100,
    memory_gigabytes_per_second=10,
    cache_gigabytes_per_second=50,
    launch_microseconds=1,
    cache_bytes=10**6,
)


@pytest.fixture(autouse=True)
def known_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, "measure_peaks", lambda *_, **__: PEAKS)


def test_a_record_has_every_operation_and_the_whole(tiny_spec: Spec) -> None:
    steps: list[str] = []
    threads = torch.get_num_threads()
    record = measure_roofline(BuiltNetwork(tiny_spec(), batch_size=2), passes=3, report=steps.append)
    assert torch.get_num_threads() == threads
    assert len(steps) == count_steps(3)
    assert (record.backend, record.batch_size, record.passes, len(record.whole_ms)) == ("eager", 2, 3, 3)
    macs = {operation.operation: operation.macs for operation in record.operations if operation.macs}
    assert macs == {"convolution": 2 * CONV_MACS, "addmm": 2 * FC_MACS}
    assert record.peaks == PEAKS
    assert record.operations[0].time_ms == max(operation.time_ms for operation in record.operations)
    assert record.causes


def test_a_backend_without_a_profiler_is_refused_before_anything_is_built(tiny_spec: Spec) -> None:
    def build(**_: object) -> torch.nn.Module:
        raise AssertionError("built")

    with pytest.raises(BackendError, match="cannot be taken apart"):
        measure_roofline(BuiltNetwork(tiny_spec(build=build)), backend="compile")


class Wrong:
    """A profile whose network gives other logits than it should."""

    launch_microseconds = None
    notes = ()
    closed = False

    def prepare(self, *_: object, **__: object) -> Wrong:
        return self

    def run_whole(self) -> Tensor:
        return torch.full((1, 6), 1e3)

    def run_pass(self) -> None:
        raise AssertionError("timed")

    def passes(self) -> tuple[OperationPass, ...]:
        return ()

    def close(self) -> None:
        self.closed = True


def test_nothing_is_said_of_a_form_that_gives_other_logits(
    tiny_spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Wrong()
    monkeypatch.setattr(measurement, "find_profiler", lambda *_: wrong)
    with pytest.raises(BackendError, match="nothing is said of a form that is wrong"):
        measure_roofline(BuiltNetwork(tiny_spec()))
    assert wrong.closed


class Slow(Wrong):
    """A profile whose parts are half of the whole, and that cannot tell what lies between them."""

    def __init__(self, network: BuiltNetwork, passes: Iterator[OperationPass]) -> None:
        self.network, self._made = network, list(passes)

    def run_whole(self) -> Tensor:
        with torch.inference_mode():
            logits: Tensor = self.network.model(*self.network.inputs)
        return logits

    def run_pass(self) -> None:
        pass

    def passes(self) -> tuple[OperationPass, ...]:
        return tuple(self._made)


def test_what_a_profiler_cannot_tell_is_the_whole_less_the_parts(
    tiny_spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = BuiltNetwork(tiny_spec())
    monkeypatch.setattr(measurement, "find_profiler", lambda *_: Slow(network, iter([OperationPass(())])))
    record = measure_roofline(network, passes=2)
    (between,) = record.operations
    assert between.operation == "between operations"
    assert record.covered == pytest.approx(1.0)


@pytest.mark.parametrize(("between", "said"), [(0.0, "the rest is unexplained"), (1e6, "slowed by")])
def test_parts_that_do_not_sum_to_the_whole_are_a_caveat(
    between: float, said: str, tiny_spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = BuiltNetwork(tiny_spec())
    taken = OperationPass((), between_ms=between)
    monkeypatch.setattr(measurement, "find_profiler", lambda *_: Slow(network, iter([taken])))
    record = measure_roofline(network, passes=2)
    assert any(said in caveat for caveat in record.caveats)


def test_a_network_that_never_does_the_same_twice_says_so(
    tiny_spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = BuiltNetwork(tiny_spec())
    monkeypatch.setattr(measurement, "find_profiler", lambda *_: Slow(network, iter(())))
    with pytest.raises(BackendError, match="no two of its passes"):
        measure_roofline(network, passes=2)
