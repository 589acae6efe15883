from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from epam.errors import InputError, UnknownNameError
from epam_baselines import example_inputs, model_spec
from epam_baselines.given_inputs import (
    common_batch_size,
    match_inputs,
    specify_module,
    with_given_inputs,
)


class Subtracts(nn.Module):
    """Order matters: what is given for ``a`` less what is given for ``b``."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a - b


class SkipsOne(nn.Module):
    def forward(self, a: Tensor, mask: Tensor | None = None, *, b: Tensor, scale: float = 1.0) -> Tensor:
        assert mask is None
        return scale * (a - b)


class TakesMany(nn.Module):
    def forward(self, *clips: Tensor) -> Tensor:
        return torch.cat(clips, dim=-1)


class TakesNamed(nn.Module):
    def forward(self, **streams: Tensor) -> Tensor:
        return streams["a"] - streams["b"]


class LooksAtValues(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.layer(x) if x.abs().sum() > 0 else x}


def one(value: float) -> Tensor:
    return torch.full((1, 2), value)


def test_names_that_match_go_to_their_parameters_whatever_their_order() -> None:
    spec = specify_module("net", Subtracts, {"b": (1, 2), "a": (1, 2)})
    assert list(spec.inputs) == ["a", "b"]
    assert spec.build(num_classes=2)(one(5), one(3)).tolist() == [[2, 2]]


def test_names_that_match_nothing_fill_the_free_places_in_order() -> None:
    assert match_inputs("net", Subtracts(), ["rgb", "pose"]).positional == ("rgb", "pose")
    assert match_inputs("net", Subtracts(), ["pose", "a"]).positional == ("a", "pose")


@pytest.mark.parametrize("network", [SkipsOne, TakesNamed])
def test_what_forward_takes_by_keyword_is_given_by_keyword(network: Callable[[], nn.Module]) -> None:
    spec = specify_module("net", network, {"b": (1, 2), "a": (1, 2)})
    inputs = {"a": one(5), "b": one(3)}
    model = spec.build(num_classes=2)
    assert model(*(inputs[name] for name in spec.inputs)).tolist() == [[2, 2]]


def test_any_number_of_inputs_goes_where_any_number_is_taken() -> None:
    spec = specify_module("net", TakesMany, {"x": (1, 2), "y": (1, 3), "z": (1, 4)})
    assert list(spec.inputs) == ["x", "y", "z"]
    assert spec.num_classes == 9


def test_an_input_without_a_place_is_named_with_the_parameters() -> None:
    with pytest.raises(UnknownNameError, match="unknown input of net 'flow'; known: a, b"):
        match_inputs("net", Subtracts(), ["a", "b", "flow"])
    with pytest.raises(UnknownNameError, match="unknown input of net 'maks'; did you mean 'mask'"):
        match_inputs("net", SkipsOne(), ["a", "mask", "b", "maks"])


def test_a_parameter_that_nothing_is_given_for_is_named() -> None:
    with pytest.raises(InputError, match="net: its forward also takes b; give the shape of each"):
        match_inputs("net", Subtracts(), ["a"])


def test_shapes_that_the_network_refuses_are_named_with_its_own_words() -> None:
    with pytest.raises(
        InputError, match=r"net cannot take x of 1×5 \(RuntimeError: .*shapes cannot be"
    ) as caught:
        specify_module("net", lambda: nn.Linear(4, 3), {"x": (1, 5)})
    assert "\n" not in str(caught.value)


def test_a_factory_that_fails_is_named_in_one_line() -> None:
    def broken() -> nn.Module:
        raise RuntimeError("no weights\nhere")

    with pytest.raises(InputError, match=r"net: making it failed \(RuntimeError: no weights\)"):
        specify_module("net", broken, {"x": (1, 5)})


def test_a_network_that_looks_at_values_is_tried_for_real() -> None:
    assert specify_module("net", LooksAtValues, {"x": (1, 4)}).num_classes == 3


def test_a_network_that_cannot_be_made_without_values_is_made_with_them() -> None:
    def rated() -> nn.Module:
        rates = [rate.item() for rate in torch.linspace(0, 0.1, 2)]
        return nn.Sequential(nn.Linear(4, 3), nn.Dropout(rates[-1]))

    spec = specify_module("net", rated, {"x": (1, 4)})
    with torch.device("meta"):
        model = spec.build(num_classes=3)
    assert not next(model.parameters()).is_meta
    with torch.device("meta"):
        light = specify_module("light", lambda: nn.Linear(4, 3), {"x": (1, 4)}).build(num_classes=3)
    assert light.weight.is_meta


def test_describing_leaves_the_random_generator_alone() -> None:
    before = torch.get_rng_state()
    network = LooksAtValues()
    torch.set_rng_state(before)
    specify_module("net", lambda: network, {"x": (1, 4)})
    assert torch.equal(torch.get_rng_state(), before)


def test_a_factory_that_takes_any_keyword_takes_a_class_count() -> None:
    def made(**options: int) -> nn.Module:
        return nn.Linear(4, options.get("num_classes", 6))

    assert specify_module("net", made, {"x": (1, 4)}).build(num_classes=9).out_features == 9


def test_modalities_are_what_the_names_tell() -> None:
    spec = specify_module("net", Subtracts, {"pose": (1, 2), "heatmaps": (1, 2)})
    assert spec.modalities == ("pose",)
    assert specify_module("net", Subtracts, {"rgb": (1, 2), "pose": (1, 2)}).modalities == ("rgb", "pose")
    assert specify_module("net", Subtracts, {"a": (1, 2), "b": (1, 2)}).modalities == ()


def test_a_spec_takes_inputs_of_its_names_and_dimensions_only() -> None:
    spec = with_given_inputs(model_spec("epam_net"), {"rgb": (2, 3, 8, 64, 64)})
    assert dict(spec.inputs) == {"rgb": (3, 8, 64, 64), "heatmaps": (17, 48, 56, 56)}
    assert example_inputs(spec, device="meta")[0].shape == (1, 3, 8, 64, 64)
    with pytest.raises(UnknownNameError, match="unknown input of epam_net 'pose'"):
        with_given_inputs(model_spec("epam_net"), {"pose": (1, 17, 48, 56, 56)})
    with pytest.raises(InputError, match="rgb of 3×8×64×64 has 4 dimensions; give 5, the batch's first"):
        with_given_inputs(model_spec("epam_net"), {"rgb": (3, 8, 64, 64)})


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({}, "no inputs"),
        ({"a": (1, 2), "b": (3, 2)}, "not 1 of a, 3 of b"),
        ({"a": (1, 0)}, "input a of 1×0"),
        ({"a": ()}, "input a of no dimensions"),
    ],
)
def test_all_inputs_have_one_batch_size(shapes: dict[str, tuple[int, ...]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        common_batch_size(shapes)


def test_the_batch_size_is_the_first_dimension() -> None:
    assert common_batch_size({"a": (4, 2), "b": (4,)}) == 4
