from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from epam.errors import InputError
from epam_bench.counters import COUNTERS, Count, WeightsNeededError
from epam_bench.counting import BuiltModel, count_model
from epam_bench.records import CountRecord, OperationKind, append_record, read_records

CONV_MACS = (2 * 3 * 5) * 4 * 2 * 9
FC_MACS = 4 * 6


def test_two_inputs_go_the_same_way_as_one(tiny_spec) -> None:
    record = count_model(tiny_spec(), COUNTERS["torch"])
    assert record.macs == CONV_MACS + FC_MACS
    assert record.macs_by_operation == {"convolution": CONV_MACS, "addmm": FC_MACS}
    assert record.model.parameters == 4 * 2 * 9 + 8 + 4 * 6 + 6
    assert record.model.inputs == {"clip": (2, 2, 3, 5), "gain": (1, 1, 1, 1)}
    assert record.macs_per_video == 6 * record.macs


def test_class_count_is_the_published_one_unless_asked(tiny_spec) -> None:
    assert count_model(tiny_spec(), COUNTERS["torch"]).model.num_classes == 6
    more = count_model(tiny_spec(), COUNTERS["torch"], num_classes=7)
    assert more.macs == CONV_MACS + 4 * 7
    assert more.model.num_classes == 7


def test_split_by_module_is_kept_only_when_asked_for(tiny_spec) -> None:
    assert count_model(tiny_spec(), COUNTERS["torch"]).macs_by_module == {}
    split = count_model(tiny_spec(), COUNTERS["torch"], by_module=True).macs_by_module
    assert split == {"": CONV_MACS + FC_MACS, "conv": CONV_MACS, "fc": FC_MACS}


def test_counting_leaves_the_random_generator_alone(tiny_spec) -> None:
    before = torch.get_rng_state()
    count_model(tiny_spec(), COUNTERS["torch"])
    assert torch.equal(torch.get_rng_state(), before)


def test_counter_whose_split_does_not_sum_is_told_on(tiny_spec) -> None:
    class Careless:
        name = package = "torch"
        convention = "guesses"

        def count(self, model: nn.Module, args: tuple[Any, ...], kwargs: Any = None) -> Count:
            return Count(macs=2_000_000_000, by_operation={"conv": 1_000_000_000})

    record = count_model(tiny_spec(), Careless())
    assert record.caveats == ("the split by operation sums to 1.000 G, the total is 2.000 G",)


def test_consensus_leaves_a_ledger_in_the_record_and_the_file(tiny_spec, tmp_path: Path) -> None:
    record = count_model(tiny_spec(), COUNTERS["consensus"])
    entries = {entry.operation: entry for entry in record.ledger}
    assert record.macs == CONV_MACS + FC_MACS == sum(entry.macs for entry in record.ledger)
    assert record.disagreements == ()
    conv, norm = entries["convolution"], entries["batch_norm"]
    assert (conv.kind, conv.macs, conv.elements) == (OperationKind.CONVOLUTION, CONV_MACS, 120)
    assert (conv.bytes_read, conv.bytes_written, conv.weight_bytes) == (60 * 4, 120 * 4, 72 * 4)
    assert (norm.kind, norm.macs, norm.weight_bytes) == (OperationKind.NORMALISATION, 0, 4 * 4 * 4)
    append_record(tmp_path / "records.jsonl", record)
    assert read_records(tmp_path / "records.jsonl")[0] == [record]


def test_counters_without_a_ledger_leave_none(tiny_spec) -> None:
    record = count_model(tiny_spec(), COUNTERS["torch"])
    assert (record.ledger, record.disagreements) == ((), ())


def test_records_from_before_there_was_a_ledger_are_still_read(tiny_spec, tmp_path: Path) -> None:
    record = count_model(tiny_spec(), COUNTERS["torch"])
    old = record.model_dump_json(
        exclude={
            "ledger": True,
            "disagreements": True,
            "model": {"head_parameters", "frame_interval", "notes"},
        }
    )
    (tmp_path / "old.jsonl").write_text(old + "\n")
    (read,), _ = read_records(tmp_path / "old.jsonl")
    assert isinstance(read, CountRecord)
    assert (read.macs, read.ledger, read.model.head_parameters) == (record.macs, (), None)


def test_disagreements_and_uncounted_operations_reach_the_record(tiny_spec) -> None:
    class Doubtful:
        name = package = "torch"
        convention = "doubt"

        def count(self, model: nn.Module, args: tuple[Any, ...], kwargs: Any = None) -> Count:
            return Count(macs=0, by_operation={}, uncounted={"fft": 2}, disagreements=("fc: 1, not 2",))

    record = count_model(tiny_spec(), Doubtful())
    assert (record.disagreements, record.uncounted) == (("fc: 1, not 2",), {"fft": 2})


def test_all_counters_together_build_a_model_once_and_without_weights(tiny_spec) -> None:
    built_on: list[str] = []

    class Watched(nn.Sequential):
        def __init__(self, num_classes: int) -> None:
            super().__init__(nn.Linear(5, num_classes))
            built_on.append(self[0].weight.device.type)

    spec = tiny_spec(build=Watched, inputs={"rows": (3, 5)})
    built = BuiltModel(spec)
    for counter in COUNTERS.values():
        assert count_model(spec, counter, built=built).macs == 3 * 5 * 6
    assert built_on == ["meta"]


@pytest.mark.parametrize("name", list(COUNTERS))
def test_a_network_that_asks_for_values_is_built_again_with_weights(tiny_spec, name: str) -> None:
    class Branches(nn.Linear):
        def __init__(self, num_classes: int) -> None:
            super().__init__(5, num_classes)

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x if x.sum() > 1e9 else x[:, :2])

    spec = tiny_spec(build=Branches, inputs={"rows": (3, 5)})
    if name == "thop":
        # It matches types exactly: a subclass counts nothing and is named.
        assert count_model(spec, COUNTERS[name]).uncounted == {"operations inside Branches": 1}
    else:
        assert count_model(spec, COUNTERS[name]).macs == 2 * 5 * 6


def test_a_network_that_cannot_be_built_without_values_is_built_with_them(tiny_spec) -> None:
    class DropsByDepth(nn.Linear):
        def __init__(self, num_classes: int) -> None:
            super().__init__(5, num_classes)
            self.rates = [rate.item() for rate in torch.linspace(0, 0.1, 3)]

    built = BuiltModel(tiny_spec(build=DropsByDepth, inputs={"rows": (3, 5)}))
    assert not built.shapes.weight.is_meta
    assert built.count(COUNTERS["consensus"]).macs == 3 * 5 * 6


def test_a_network_that_refuses_its_input_says_so_at_once(tiny_spec) -> None:
    class Refuses(nn.Linear):
        def __init__(self, num_classes: int) -> None:
            super().__init__(5, num_classes)

        def forward(self, x: Tensor) -> Tensor:
            raise InputError("a clip of 5 frames; give 8")

    for counter in COUNTERS.values():
        with pytest.raises(InputError, match="give 8"):
            count_model(tiny_spec(build=Refuses, inputs={"rows": (3, 5)}), counter)


def test_a_networks_own_fault_is_its_own_and_not_the_missing_weights(tiny_spec) -> None:
    class Faulty(nn.Linear):
        def __init__(self, num_classes: int) -> None:
            super().__init__(5, num_classes)

        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("its own")

    for counter in COUNTERS.values():
        with pytest.raises(RuntimeError, match="its own") as caught:
            count_model(tiny_spec(build=Faulty, inputs={"rows": (3, 5)}), counter)
        assert not isinstance(caught.value, WeightsNeededError)
