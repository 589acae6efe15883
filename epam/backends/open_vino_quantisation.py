"""int8 for OpenVINO: ranges found by NNCF on real inputs, then placed where nothing is rounded twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

from epam.backends.array_exchange import as_array
from epam.backends.backend import BackendError, Inputs
from epam.backends.engine_errors import first_line
from epam.backends.library_check import missing_libraries
from epam.backends.quiet_import import import_quietly

ROUNDING = "FakeQuantize"
"""OpenVINO's name for the operation that rounds a tensor to a number of levels in a range."""

LAYERS = ("Convolution", "GroupConvolution", "MatMul")
"""OpenVINO's names for what multiplies with weights."""

SMALL_SHARE, SMALL_READING = 1e-3, 100_000
"""Of the network's multiply-adds, and numbers read, weights included: a layer below both takes no time."""

HIGHEST_DEGREE = 6
"""Of a polynomial in the square that is still much cheaper than an exponential and a division."""


def quantise_model(converted: Any, calibration: tuple[Inputs, ...]) -> Any:
    """The same network with int8 weights and activations, their ranges found on real inputs.

    Args:
        converted: an ``openvino.Model``.
        calibration: real inputs, in the order of its own.

    Raises:
        BackendError: NNCF is not installed, or fails on the network.
    """
    if missing := missing_libraries("nncf"):
        raise BackendError(f"int8 {missing}")
    nncf = import_quietly("nncf")
    samples = [tuple(as_array(tensor) for tensor in sample) for sample in calibration]
    try:
        # It draws a bar on standard output, which is the command's own, and logs there what is left out.
        nncf.set_log_level(logging.ERROR)
        with redirect_stdout(StringIO()):
            quantised = nncf.quantize(
                converted,
                nncf.Dataset(samples),
                subset_size=len(samples),
                ignored_scope=nncf.IgnoredScope(names=list_unrounded(converted), validate=False),
            )
    except Exception as error:
        raise BackendError(f"int8: NNCF cannot quantise this network: {first_line(error)}") from error
    share_roundings(quantised)
    keep_sums_exact(quantised)
    spread_gates(quantised)
    shorten_swishes(quantised)
    return quantised


def list_unrounded(model: Any) -> list[str]:
    """Names of what is left in float32: small layers, and whatever no larger layer comes after.

    Squeeze-and-excitation, attention and heads work on a few numbers, each of them a mean of many: rounding
    those saves no time, and made up half of the error of a trained EPAM-Net's logits.
    """
    nodes = model.get_ordered_ops()
    work = {node.get_friendly_name(): _count_macs(node) for node in nodes}
    small = {
        node.get_friendly_name()
        for node in nodes
        if 0 < work[node.get_friendly_name()] < SMALL_SHARE * sum(work.values())
        and sum(np.prod(node.input(index).get_shape()) for index in (0, 1)) < SMALL_READING
    }
    rounded: set[str] = set()
    for node in reversed(nodes):
        name = node.get_friendly_name()
        readers = (reader.get_node() for output in node.outputs() for reader in output.get_target_inputs())
        if (work[name] and name not in small) or any(
            reader.get_friendly_name() in rounded for reader in readers
        ):
            rounded.add(name)
    unread = {node.get_friendly_name() for node in nodes} - rounded
    return sorted(small | unread)


def _count_macs(node: Any) -> int:
    """Multiply-adds of a layer; of another operation 0."""
    kind = node.get_type_name()
    if kind not in LAYERS:
        return 0
    weights = node.input(1).get_shape()
    taps = {"Convolution": weights[1:], "GroupConvolution": weights[2:]}.get(
        kind, node.input(0).get_shape()[-1:]
    )
    return int(np.prod(node.output(0).get_shape()) * np.prod(taps))


def share_roundings(model: Any) -> int:
    """Round a tensor once for all its readers, before it is cut into slices; returns at how many places.

    NNCF rounds each slice of a temporal shift by itself, and the shortcut beside it once more, all from
    the same float32 tensor. Rounded first, the trunk is read and moved as bytes: a fifth of EPAM-Net's
    time in int8. Only ranges that begin at 0, those after a ReLU, are joined, to the widest of them.
    """
    opset = import_quietly("openvino.opset13")
    shared = 0
    for node in model.get_ordered_ops():
        if node.get_output_size() != 1:
            continue
        roundings = list(_roundings_of(node))
        if len(roundings) < 2 or not all(_is_from_zero(rounding) for rounding in roundings):
            continue
        highest = max(_limit(rounding, 2) or 0.0 for rounding in roundings)
        for rounding in roundings:
            _remove(rounding)
        readers = list(node.output(0).get_target_inputs())
        zero, high = (opset.constant(np.float32(limit)) for limit in (0.0, highest))
        levels = roundings[0].get_attributes()["levels"]
        rounded = opset.fake_quantize(node, zero, high, zero, high, levels)
        for reader in readers:
            reader.replace_source_output(rounded.output(0))
        shared += 1
    model.validate_nodes_and_infer_types()
    return shared


def keep_sums_exact(model: Any) -> int:
    """Add a convolution to its shortcut before rounding, not after; returns at how many places.

    The sum is rounded anyway: once less halves the error of EPAM-Net's logits and costs no time.
    """
    exact = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Add":
            continue
        for term in (_source(node, 0), _source(node, 1)):
            if term.get_type_name() == ROUNDING and _is_convolution(_source(term, 0)):
                _remove(term)
                exact += 1
    model.validate_nodes_and_infer_types()
    return exact


def spread_gates(model: Any) -> int:
    """Leave the scales of squeeze-and-excitation unrounded, and repeat them along a row; returns how many.

    They are few numbers, so rounding them saves nothing; and a loop over whole rows is longer than one
    over the channels of one pixel.
    """
    opset = import_quietly("openvino.opset13")
    gates = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Multiply" or not _is_gated(node):
            continue
        gate = _source(node, 1)
        if gate.get_type_name() == ROUNDING:
            _remove(gate)
        width = node.output(0).get_shape()[3]
        frames, channels, _, _ = node.input(1).get_shape()
        shape = opset.constant(np.array([frames, channels, 1, width]))
        node.input(1).replace_source_output(
            opset.broadcast(node.input(1).get_source_output(), shape).output(0)
        )
        gates += 1
    model.validate_nodes_and_infer_types()
    return gates


def shorten_swishes(model: Any) -> int:
    """Work out gated swishes by polynomials that differ by less than rounding does; returns how many.

    Behind a convolution the engine has a swish in the convolution's own kernel; behind a gate it is a
    kernel with an exponential and a division: a seventh of EPAM-Net's time in int8. What is gated was
    rounded to a range and no gate exceeds 1, so the range that the polynomial must hold for is known.
    """
    shortened = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Swish" or not _is_gated(_source(node, 0)):
            continue
        given = _source(_source(node, 0), 0)
        readers = [reader.get_node() for reader in node.output(0).get_target_inputs()]
        if any(part.get_type_name() != ROUNDING for part in (given, *readers)):
            continue
        polynomial = fit_swish(_reach(given), tolerance=min(map(_step, readers)) / 4)
        if polynomial is not None:
            node.output(0).replace(_evaluate_swish(node.input(0).get_source_output(), polynomial))
            shortened += 1
    model.validate_nodes_and_infer_types()
    return shortened


def fit_swish(reach: float, *, tolerance: float) -> list[float] | None:
    """Coefficients cₖ of ``swish(x) ≈ x/2 + Σ cₖ x²ᵏ`` for ``|x| ≤ reach``, the fewest that are near enough.

    What is left of a swish without ``x/2`` is even. None: no polynomial of few terms is that near.
    """
    if not np.isfinite(reach):
        return None
    x = np.linspace(-reach, reach, 2001)
    wanted = x / (1 + np.exp(-x))
    for degree in range(1, HIGHEST_DEGREE + 1):
        even = np.polynomial.Chebyshev.interpolate(_even_swish, degree, domain=[0, max(reach, 1e-3) ** 2])
        coefficients = even.convert(kind=np.polynomial.Polynomial).coef.astype(np.float32)
        nearly = x / 2 + np.polynomial.polynomial.polyval(x**2, coefficients)
        if np.abs(nearly - wanted).max() <= tolerance:
            return coefficients.tolist()
    return None


def _even_swish(square: Any) -> Any:
    """``swish(x) − x/2`` as a function of ``x²``."""
    x = np.sqrt(square)
    return x / 2 * np.tanh(x / 2)


def _evaluate_swish(x: Any, coefficients: list[float]) -> Any:
    """The polynomial as operations, by Horner's rule."""
    opset = import_quietly("openvino.opset13")
    square = opset.multiply(x, x)
    *lower, even = (opset.constant(np.float32(value)) for value in coefficients)
    for coefficient in reversed(lower):
        even = opset.add(opset.multiply(even, square), coefficient)
    return opset.add(opset.multiply(x, opset.constant(np.float32(0.5))), even).output(0)


def _reach(rounding: Any) -> float:
    """The largest number that it lets through, of either sign; infinite where channels differ."""
    low, high = _limit(rounding, 3), _limit(rounding, 4)
    return float("inf") if low is None or high is None else max(-low, high)


def _is_gated(node: Any) -> bool:
    """Whether it multiplies pictures by one sigmoid a channel, rounded or not."""
    if node.get_type_name() != "Multiply":
        return False
    gate = _source(node, 1)
    if gate.get_type_name() == ROUNDING:
        gate = _source(gate, 0)
    if gate.get_type_name() == "Broadcast":
        gate = _source(gate, 0)
    return gate.get_type_name() == "Sigmoid" and len(gate.output(0).get_shape()) == 4


def _step(rounding: Any) -> float:
    """From one level to the next; 0 where it differs between channels."""
    low, high = _limit(rounding, 1), _limit(rounding, 2)
    return 0.0 if low is None or high is None else (high - low) / (rounding.get_attributes()["levels"] - 1)


def _roundings_of(node: Any) -> Iterator[Any]:
    """What rounds a node's output, or slices of it."""
    for reader in node.output(0).get_target_inputs():
        follower = reader.get_node()
        if follower.get_type_name() == ROUNDING and reader.get_index() == 0:
            yield follower
        elif follower.get_type_name() == "Slice" and reader.get_index() == 0:
            yield from _roundings_of(follower)


def _is_from_zero(rounding: Any) -> bool:
    """Whether it rounds to 256 levels of one range from 0, and gives what it was given but for that."""
    low, high, out_low, out_high = (_limit(rounding, limit) for limit in range(1, 5))
    if low is None or high is None or out_low is None or out_high is None:
        return False
    return low == out_low == 0 and high == out_high and rounding.get_attributes()["levels"] == 256


def _limit(rounding: Any, index: int) -> float | None:
    """One of a rounding's four limits; none where it differs between channels."""
    source = _source(rounding, index)
    if source.get_type_name() != "Constant" or source.data.size != 1:
        return None
    return float(source.data.reshape(()))


def _is_convolution(node: Any) -> bool:
    """Whether it is a convolution, with or without its bias."""
    kinds = ("Convolution", "GroupConvolution")
    biased = node.get_type_name() == "Add" and _source(node, 1).get_type_name() == "Constant"
    return node.get_type_name() in kinds or (biased and _source(node, 0).get_type_name() in kinds)


def _source(node: Any, index: int) -> Any:
    return node.input(index).get_source_output().get_node()


def _remove(node: Any) -> None:
    """Let a node's readers read what it reads itself."""
    node.output(0).replace(node.input(0).get_source_output())
