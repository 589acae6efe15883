"""int8 for OpenVINO: ranges found by NNCF on real inputs, then placed where nothing is rounded twice."""

from __future__ import annotations

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
        # It draws a bar on standard output, which is the command's own.
        with redirect_stdout(StringIO()):
            quantised = nncf.quantize(converted, nncf.Dataset(samples), subset_size=len(samples))
    except Exception as error:
        raise BackendError(f"int8: NNCF cannot quantise this network: {first_line(error)}") from error
    share_roundings(quantised)
    keep_sums_exact(quantised)
    return quantised


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
