from __future__ import annotations

import torch
from torch import nn

from epam_bench.counters import COUNTERS, Count
from epam_bench.counting import count_model

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

        def count(self, model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Count:
            return Count(macs=2_000_000_000, by_operation={"conv": 1_000_000_000})

    record = count_model(tiny_spec(), Careless())
    assert record.caveats == ("the split by operation sums to 1.000 G, the total is 2.000 G",)
