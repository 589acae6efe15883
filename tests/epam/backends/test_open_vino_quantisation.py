from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("openvino")

from epam.backends.open_vino_quantisation import (
    fit_swish,
    keep_sums_exact,
    list_unrounded,
    share_roundings,
    shorten_swishes,
    spread_gates,
)
from epam.backends.quiet_import import import_quietly


@pytest.fixture
def opset() -> Any:
    return import_quietly("openvino.opset13")


def round_to(opset: Any, x: Any, high: float, low: float = 0.0) -> Any:
    limits = [opset.constant(np.float32(limit)) for limit in (low, high)]
    return opset.fake_quantize(x, *limits, *limits, 256)


def cut(opset: Any, x: Any, start: int, stop: int) -> Any:
    return opset.slice(x, *(opset.constant(np.array([n])) for n in (start, stop, 1, 1)))


def kinds(model: Any) -> list[str]:
    wanted = ("Parameter", "Relu", "Slice", "FakeQuantize", "Concat", "Add")
    return [node.get_type_name() for node in model.get_ordered_ops() if node.get_type_name() in wanted]


def build(opset: Any, ends: list[Any], start: Any) -> Any:
    return import_quietly("openvino").Model([opset.result(end) for end in ends], [start])


def run(model: Any, x: Any) -> list[Any]:
    compiled = import_quietly("openvino").compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return list(compiled([x]).values())


def convolve(opset: Any, x: Any, outputs: int, name: str) -> Any:
    inputs = x.output(0).get_shape()[1]
    weights = opset.constant(np.ones([outputs, inputs, 1, 1], np.float32))
    node = opset.convolution(x, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    node.set_friendly_name(name)
    return node


def call(node: Any, name: str) -> Any:
    node.set_friendly_name(name)
    return node


def test_small_layers_and_what_no_larger_one_comes_after_are_not_rounded(opset: Any) -> None:
    given = call(opset.parameter([1, 8, 64, 64], np.float32), "pictures")
    first = convolve(opset, given, 8, "first")
    axes = opset.constant(np.array([2, 3]))
    squeezed = call(opset.reduce_mean(first, axes, True), "mean")
    gate = call(opset.sigmoid(convolve(opset, squeezed, 8, "excite")), "gate")
    second = convolve(opset, call(opset.multiply(first, gate), "gated"), 8, "second")
    features = call(opset.reduce_mean(call(opset.relu(second), "features"), axes, False), "pooled")
    logits = call(opset.matmul(features, opset.constant(np.ones([8, 4], np.float32)), False, False), "head")
    unrounded = list_unrounded(build(opset, [logits], given))
    assert {"excite", "features", "pooled", "head"} <= set(unrounded)
    # What leads to a larger layer stays: the mean and the gate read what is rounded for it anyway.
    assert not {"pictures", "first", "mean", "gate", "gated", "second"} & set(unrounded)


def test_a_layer_of_large_pictures_is_rounded_however_few_its_multiply_adds(opset: Any) -> None:
    given = call(opset.parameter([1, 8, 128, 128], np.float32), "pictures")
    kernel = opset.constant(np.ones([8, 1, 1, 1, 1], np.float32))
    depthwise = opset.group_convolution(given, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    wide = convolve(opset, convolve(opset, call(depthwise, "depthwise"), 900, "wide"), 900, "wider")
    assert "depthwise" not in list_unrounded(build(opset, [wide], given))


def test_a_layer_of_many_weights_is_rounded_however_few_its_multiply_adds(opset: Any) -> None:
    given = call(opset.parameter([1, 8, 512, 512], np.float32), "pictures")
    pooled = opset.reduce_mean(convolve(opset, given, 512, "first"), opset.constant(np.array([2, 3])), False)
    weights = opset.constant(np.ones([512, 256], np.float32))
    head = call(opset.matmul(pooled, weights, False, False), "head")
    assert not {"first", "head"} & set(list_unrounded(build(opset, [head], given)))


def test_slices_of_one_tensor_are_rounded_once_before_they_are_cut(opset: Any) -> None:
    given = opset.parameter([1, 4, 2, 2], np.float32)
    trunk = opset.relu(given)
    parts = [round_to(opset, cut(opset, trunk, n, n + 2), 2.0) for n in (0, 2)]
    model = build(opset, [opset.concat(parts, 1), round_to(opset, trunk, 2.0)], given)
    x = np.linspace(-2, 2, 16, dtype=np.float32).reshape(1, 4, 2, 2)
    before = run(model, x)
    assert share_roundings(model) == 1
    assert kinds(model).count("FakeQuantize") == 1
    assert kinds(model).index("FakeQuantize") < kinds(model).index("Slice")
    for now, then in zip(run(model, x), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_the_widest_range_is_kept(opset: Any) -> None:
    given = opset.parameter([1, 4, 2, 2], np.float32)
    trunk = opset.relu(given)
    model = build(opset, [round_to(opset, trunk, 1.0), round_to(opset, trunk, 3.0)], given)
    assert share_roundings(model) == 1
    x = np.full((1, 4, 2, 2), 2.5, np.float32)
    for output in run(model, x):
        np.testing.assert_allclose(output, 2.5, atol=3 / 255)


def test_signed_ranges_and_a_single_rounding_are_left_alone(opset: Any) -> None:
    given = opset.parameter([1, 4, 2, 2], np.float32)
    signed = [round_to(opset, given, 2.0, -2.0), round_to(opset, given, 3.0, -3.0)]
    single = round_to(opset, opset.relu(given), 1.0)
    model = build(opset, [*signed, single], given)
    assert share_roundings(model) == 0
    assert kinds(model).count("FakeQuantize") == 3


def test_a_convolution_is_added_to_its_shortcut_unrounded(opset: Any) -> None:
    given = opset.parameter([1, 4, 2, 2], np.float32)
    weight = opset.constant(np.ones((4, 4, 1, 1), np.float32))
    conv = opset.convolution(given, weight, [1, 1], [0, 0], [0, 0], [1, 1])
    biased = opset.add(conv, opset.constant(np.ones((1, 4, 1, 1), np.float32)))
    shortcut = round_to(opset, given, 2.0, -2.0)
    model = build(opset, [opset.add(round_to(opset, biased, 9.0, -9.0), shortcut)], given)
    assert keep_sums_exact(model) == 1
    assert kinds(model).count("FakeQuantize") == 1


def gated_swish(opset: Any, high: float) -> Any:
    """A network that rounds to ±high, scales two channels by a sigmoid, then swish, then rounds."""
    given = opset.parameter([2, 2, 3, 5], np.float32)
    rounded = round_to(opset, given, high, -high)
    mean = opset.reduce_mean(rounded, opset.constant(np.array([0, 2, 3])), True)
    gate = round_to(opset, opset.sigmoid(mean), 1.0)
    swish = opset.swish(opset.multiply(rounded, gate))
    return build(opset, [round_to(opset, swish, high, -0.3)], given)


def test_gates_stay_unrounded_and_are_repeated_along_a_row(opset: Any) -> None:
    model = gated_swish(opset, 6.0)
    x = np.random.default_rng(0).normal(0, 3, (2, 2, 3, 5)).astype(np.float32)
    before = run(model, x)
    assert spread_gates(model) == 1
    assert kinds(model).count("FakeQuantize") == 2
    np.testing.assert_allclose(run(model, x)[0], before[0], atol=0.03)


@pytest.mark.parametrize("reach", [0.0, 0.2, 1.0, 3.0, 6.0])
def test_a_polynomial_holds_for_all_that_it_can_be_given(reach: float) -> None:
    coefficients = fit_swish(reach, tolerance=0.004)
    assert coefficients is not None
    for x in np.linspace(-reach, reach, 77):
        nearly = x / 2 + sum(c * x ** (2 * k) for k, c in enumerate(coefficients))
        assert abs(nearly - x / (1 + np.exp(-x))) < 0.0041


def test_the_nearer_the_more_terms_and_none_where_too_many_are_needed() -> None:
    few, many = fit_swish(2.0, tolerance=1e-2), fit_swish(2.0, tolerance=1e-5)
    assert few is not None
    assert many is not None
    assert len(few) < len(many)
    assert fit_swish(40.0, tolerance=1e-3) is None
    assert fit_swish(float("inf"), tolerance=1.0) is None


def test_a_gated_swish_moves_by_one_level_at_most(opset: Any) -> None:
    model = gated_swish(opset, 3.0)
    x = np.linspace(-4, 4, 60, dtype=np.float32).reshape(2, 2, 3, 5)
    before = run(model, x)[0]
    assert shorten_swishes(model) == 1
    assert np.abs(run(model, x)[0] - before).max() <= 1.01 * 3.3 / 255


def test_a_swish_of_a_wide_range_stays_exact(opset: Any) -> None:
    assert shorten_swishes(gated_swish(opset, 100.0)) == 0
