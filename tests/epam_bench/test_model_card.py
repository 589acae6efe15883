from __future__ import annotations

import pytest
from torch import nn

from epam_bench.model_card import describe_model


def _network() -> nn.Module:
    network = nn.Module()
    network.body, network.fc, network.fc2 = nn.Linear(4, 8), nn.Linear(8, 6), nn.Linear(6, 6)
    return network


@pytest.mark.parametrize(
    ("head", "parameters"),
    [
        (("fc",), 8 * 6 + 6),
        (("fc", "fc2"), 8 * 6 + 6 + 6 * 6 + 6),
        (("fc", "fc"), 8 * 6 + 6),
        (("cls_head",), None),
        (("fc", "missing"), None),
        ((), None),
    ],
)
def test_head_parameters_are_those_of_the_named_parts_or_unknown(
    tiny_spec, head: tuple[str, ...], parameters: int | None
) -> None:
    card = describe_model(tiny_spec(head=head), _network(), 6)
    assert card.head_parameters == parameters
    assert card.parameters == 4 * 8 + 8 + 8 * 6 + 6 + 6 * 6 + 6


def test_weights_that_two_parts_share_count_once(tiny_spec) -> None:
    network = _network()
    network.fc2 = network.fc
    card = describe_model(tiny_spec(head=("fc", "fc2")), network, 6)
    assert card.head_parameters == 8 * 6 + 6
    assert card.parameters == 4 * 8 + 8 + 8 * 6 + 6


def test_what_the_spec_says_of_reading_a_row_is_on_the_card(tiny_spec) -> None:
    spec = tiny_spec(frame_interval=2, notes=("one stream",), year=None)
    card = describe_model(spec, _network(), 6)
    assert (card.frame_interval, card.notes, card.year) == (2, ("one stream",), None)
