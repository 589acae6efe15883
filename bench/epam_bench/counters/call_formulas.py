"""Multiply-adds of a call of PyTorch's, from what it was called with: no result, no dispatched operation.

Each function takes what PyTorch's of the same name takes, in the same order and by the same names
(but the first, which PyTorch calls ``input`` or ``self`` and is given by place), and says how many
multiply-adds the mathematics of the call needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from epam_bench.counters.einsum_cost import einsum_macs

REAL_CONVOLUTIONS_OF_A_COMPLEX_ONE = 3
"""Of the real parts, of the imaginary ones, and of the sums of both: the fourth product follows."""


def _per_axis(value: int | Sequence[int], axes: int) -> list[int]:
    """A number for every axis, from one number, one in a list, or a list."""
    values = [value] if isinstance(value, int) else list(value)
    return values * axes if len(values) == 1 else values


def _convolution(axes: int) -> Callable[..., int]:
    """Places × filters × (channels of a group × kernel)."""

    def convolution(
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Sequence[int] = 1,
        padding: int | str | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
    ) -> int:
        samples, channels, sizes = _samples(inputs, axes)
        steps, spread = _per_axis(stride, axes), _per_axis(dilation, axes)
        kernel = weight.shape[-axes:]
        if padding == "same":
            places = list(sizes)
        else:
            margins = _per_axis(0 if isinstance(padding, str) else padding, axes)
            places = [
                (sizes[axis] + 2 * margins[axis] - (spread[axis] * (kernel[axis] - 1) + 1)) // steps[axis] + 1
                for axis in range(axes)
            ]
        macs = samples * prod(places) * weight.shape[0] * (channels // groups) * prod(kernel)
        return REAL_CONVOLUTIONS_OF_A_COMPLEX_ONE * macs if weight.is_complex() else macs

    return convolution


def _transposed_convolution(axes: int) -> Callable[..., int]:
    """Each input × (filters of its group × kernel): what falls outside the result is computed too."""

    def transposed(
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        dilation: int | Sequence[int] = 1,
    ) -> int:
        samples, channels, sizes = _samples(inputs, axes)
        filters = weight.shape[1] * groups
        macs = samples * prod(sizes) * channels * (filters // groups) * prod(weight.shape[-axes:])
        return REAL_CONVOLUTIONS_OF_A_COMPLEX_ONE * macs if weight.is_complex() else macs

    return transposed


def _samples(inputs: Tensor, axes: int) -> tuple[int, int, Sequence[int]]:
    """Samples, channels and sizes of ``(N, C, …)`` or ``(C, …)``."""
    samples = inputs.shape[0] if inputs.dim() == axes + 2 else 1
    return samples, inputs.shape[-axes - 1], inputs.shape[-axes:]


def convolution(
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    *_: Any,
) -> int:
    """The general form, whose last arguments are hints to the device."""
    axes = inputs.dim() - 2
    if transposed:
        return _transposed_convolution(axes)(inputs, weight, groups=groups)
    return _convolution(axes)(inputs, weight, bias, stride, padding, dilation, groups)


def conv_tbc(inputs: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> int:
    """``(T, N, C)`` with weights ``(kernel, C, filters)``."""
    length, samples, channels = inputs.shape
    kernel, filters = weight.shape[0], weight.shape[2]
    return (length + 2 * pad - kernel + 1) * samples * filters * channels * kernel


def deform_conv2d(
    inputs: Tensor,
    weight: Tensor,
    offset: Tensor,
    *_: Any,
) -> int:
    """torchvision's: as a plain convolution whose result is as large as the offsets."""
    samples, height, width = offset.shape[0], *offset.shape[2:]
    return samples * height * width * weight.shape[0] * prod(weight.shape[1:])


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> int:
    """Rows × outputs × inputs; a weight of one axis has one output."""
    outputs = weight.shape[0] if weight.dim() == 2 else 1
    return prod(inputs.shape[:-1]) * outputs * inputs.shape[-1]


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> int:
    """Rows × outputs × (matrix with the first input, then a dot product with the second)."""
    outputs, first, second = weight.shape
    return prod(input1.shape[:-1]) * outputs * (first * second + second)


def matmul(inputs: Tensor, other: Tensor) -> int:
    """Batch axes of both, broadcast, × rows × columns × the common axis."""
    rows = inputs.shape[-2] if inputs.dim() > 1 else 1
    columns = other.shape[-1] if other.dim() > 1 else 1
    batch = torch.broadcast_shapes(inputs.shape[:-2], other.shape[:-2])
    return prod(batch) * rows * columns * inputs.shape[-1]


def mm(inputs: Tensor, mat2: Tensor, *_: Any, **__: Any) -> int:
    """``(n, k) × (k, m)``, or a batch of these."""
    return matmul(inputs, mat2)


def mv(inputs: Tensor, vec: Tensor) -> int:
    """``(n, k) × (k)``."""
    return inputs.shape[0] * vec.shape[0]


def dot(inputs: Tensor, tensor: Tensor) -> int:
    """As many products as elements."""
    return tensor.shape[0]


def addmm(inputs: Tensor, mat1: Tensor, mat2: Tensor, **_: Any) -> int:
    """What is added costs no product."""
    return matmul(mat1, mat2)


def baddbmm(inputs: Tensor, batch1: Tensor, batch2: Tensor, **_: Any) -> int:
    """The same for batches, summed over the batch or not."""
    return matmul(batch1, batch2)


def addmv(inputs: Tensor, mat: Tensor, vec: Tensor, **_: Any) -> int:
    """The same for a vector."""
    return mv(mat, vec)


def outer(inputs: Tensor, vec2: Tensor) -> int:
    """One product for each pair: a matrix product over an axis of one."""
    return inputs.shape[0] * vec2.shape[0]


def addr(inputs: Tensor, vec1: Tensor, vec2: Tensor, **_: Any) -> int:
    """The same, added to a matrix."""
    return outer(vec1, vec2)


def kron(inputs: Tensor, other: Tensor) -> int:
    """Every element with every other."""
    return prod(inputs.shape) * prod(other.shape)


def inner(inputs: Tensor, other: Tensor) -> int:
    """All rows of one with all rows of the other; a number with a tensor is no product of matrices."""
    if not inputs.dim() or not other.dim():
        return 0
    return prod(inputs.shape[:-1]) * prod(other.shape[:-1]) * inputs.shape[-1]


def vecdot(x: Tensor, y: Tensor, dim: int = -1) -> int:
    """One dot product for each row of both, broadcast."""
    return prod(torch.broadcast_shapes(x.shape, y.shape))


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> int:
    """Axes of the one that stay × axes of the other that stay × axes summed over."""
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        summed = list(range(dims))
    else:
        summed = [axis % b.dim() for axis in ([dims[1]] if isinstance(dims[1], int) else dims[1])]
    return prod(a.shape) * prod(size for axis, size in enumerate(b.shape) if axis not in summed)


def multi_dot(tensors: Sequence[Tensor], **_: Any) -> int:
    """The cheapest order of a chain of products, which is the one that PyTorch takes."""
    first, last = tensors[0], tensors[-1]
    rows = 1 if first.dim() == 1 else first.shape[0]
    columns = 1 if last.dim() == 1 else last.shape[1]
    sizes = [rows, *(tensor.shape[0] for tensor in tensors[1:]), columns]
    return _cheapest_chain(sizes)


def chain_matmul(*matrices: Tensor, **_: Any) -> int:
    """The same under its older name."""
    return multi_dot(matrices) if len(matrices) > 1 else 0


def _cheapest_chain(sizes: Sequence[int]) -> int:
    """Cost of the product of matrices ``sizes[i] × sizes[i + 1]`` in the best order."""
    count = len(sizes) - 1
    cost = {(place, place): 0 for place in range(count)}
    for length in range(1, count):
        for start in range(count - length):
            end = start + length
            cost[start, end] = min(
                cost[start, cut] + cost[cut + 1, end] + sizes[start] * sizes[cut + 1] * sizes[end + 1]
                for cut in range(start, end)
            )
    return cost[0, count - 1]


def matrix_power(inputs: Tensor, n: int, **_: Any) -> int:
    """Squarings and multiplications of the binary form of ``n``; 3 is taken as A · A · A."""
    size = inputs.shape[-1]
    once = prod(inputs.shape[:-2]) * size**3
    bits = bin(abs(n))[2:]
    return once * (len(bits) - 1 + bits.count("1") - 1) if n else 0


def cov(inputs: Tensor, **_: Any) -> int:
    """Variables × variables × observations."""
    variables, observations = inputs.shape if inputs.dim() > 1 else (1, inputs.numel())
    return variables * variables * observations


def corrcoef(inputs: Tensor) -> int:
    """A covariance, then divisions."""
    return cov(inputs)


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    """Scores and sums of values for every query and key: a mask, causal or given, halves nothing."""
    *batch, queries, width = query.shape
    batch_axes = torch.broadcast_shapes(tuple(batch[:-1]), key.shape[:-3]) if len(batch) > 1 else ()
    heads = batch[-1] if batch else 1
    keys = key.shape[-2]
    return prod(batch_axes) * heads * (queries * keys * width + queries * keys * value.shape[-1])


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    *_: Any,
    static_k: Tensor | None = None,
    **__: Any,
) -> int:
    """Projections of queries, keys and values, two products a head, one projection; time first."""
    samples = query.shape[1] if query.dim() == 3 else 1
    queries, width = query.shape[0], embed_dim_to_check
    projected = (
        samples
        * width
        * (queries * query.shape[-1] + key.shape[0] * key.shape[-1] + value.shape[0] * value.shape[-1])
    )
    keys = key.shape[0] if static_k is None else static_k.shape[1]
    keys += int(bias_k is not None) + int(add_zero_attn)
    head = width // num_heads
    attended = samples * num_heads * 2 * queries * keys * head
    return projected + attended + samples * queries * width * out_proj_weight.shape[0]


def native_multi_head_attention(
    query: Tensor, key: Tensor, value: Tensor, embed_dim: int, num_head: int, *_: Any, **__: Any
) -> int:
    """The fused form of it: ``(N, tokens, width)``."""
    samples, queries, width = query.shape
    keys = key.shape[1]
    projections = (queries + 2 * keys + queries) * width * width
    return samples * (projections + num_head * 2 * queries * keys * (width // num_head))


def transformer_encoder_layer(
    src: Tensor, embed_dim: int, num_heads: int, qkv_weight: Tensor, *rest: Any, **__: Any
) -> int:
    """The fused layer: attention, then ``width → hidden → width``."""
    samples, tokens, width = src.shape
    # After the attention's weights, three options, and both norms: the widening layer's weight.
    hidden = rest[10].shape[0]
    attention = native_multi_head_attention(src, src, src, embed_dim, num_heads)
    return attention + samples * tokens * 2 * width * hidden


def _recurrent(gates: int) -> Callable[..., int]:
    """Every layer and direction: gates × (inputs and state → state), then the state's projection."""

    def recurrent(inputs: Tensor, *rest: Any) -> int:
        # Of sequences of different lengths PyTorch passes the lengths second.
        packed = isinstance(rest[0], Tensor) and not rest[0].is_floating_point()
        state, _, _, layers, _, _, both_ways = (rest[1:] if packed else rest)[:7]
        outputs = state[0] if gates == LSTM_GATES else state
        cells = state[1] if gates == LSTM_GATES else state
        out_width, cell_width = outputs.shape[-1], cells.shape[-1]
        directions = 2 if both_ways else 1
        *steps, width = inputs.shape
        total = 0
        for _ in range(layers):
            projection = cell_width * out_width if out_width != cell_width else 0
            total += directions * (gates * cell_width * (width + out_width) + projection)
            width = directions * out_width
        return prod(steps) * total

    return recurrent


def _recurrent_cell(gates: int) -> Callable[..., int]:
    """One step: gates × (inputs and state → state)."""

    def cell(inputs: Tensor, hx: Any, *_: Any, **__: Any) -> int:
        state: Tensor = hx if isinstance(hx, Tensor) else hx[0]
        return prod(inputs.shape[:-1]) * gates * state.shape[-1] * (inputs.shape[-1] + state.shape[-1])

    return cell


def onednn_lstm_layer(
    inputs: Tensor, w_inputs: Tensor, w_states: Tensor, w2: Tensor, w3: Tensor, hx: Tensor, *_: Any
) -> int:
    """One layer in one direction, as oneDNN computes it."""
    *steps, width = inputs.shape
    state = hx.shape[-1]
    return prod(steps) * LSTM_GATES * state * (width + state)


def cudnn_rnn(inputs: Tensor, weights: Sequence[Tensor], *rest: Any) -> int:
    """All layers and directions, as cuDNN computes them; its modes are ReLU, tanh, LSTM and GRU."""
    _, _, hx, cx, mode, _, _, layers, _, dropout, training, both_ways = rest[:12]
    gates = (1, 1, LSTM_GATES, GRU_GATES)[mode]
    state = (hx, cx) if gates == LSTM_GATES else hx
    return _recurrent(gates)(inputs, state, weights, True, layers, dropout, training, both_ways)


LSTM_GATES = 4
GRU_GATES = 3

CALL_FORMULAS: Mapping[str, Callable[..., int]] = {
    **{f"conv{axes}d": _convolution(axes) for axes in (1, 2, 3)},
    **{f"conv_transpose{axes}d": _transposed_convolution(axes) for axes in (1, 2, 3)},
    "convolution": convolution,
    "_convolution": convolution,
    "conv_tbc": conv_tbc,
    "torchvision.deform_conv2d": deform_conv2d,
    "linear": linear,
    "bilinear": bilinear,
    "matmul": matmul,
    "__matmul__": matmul,
    "__rmatmul__": lambda inputs, other: matmul(other, inputs),
    "mm": mm,
    "bmm": mm,
    "_int_mm": mm,
    "_scaled_mm": mm,
    "mv": mv,
    "dot": dot,
    "vdot": dot,
    "addmm": addmm,
    "_addmm_activation": addmm,
    "baddbmm": baddbmm,
    "addbmm": baddbmm,
    "addmv": addmv,
    "outer": outer,
    "ger": outer,
    "addr": addr,
    "kron": kron,
    "inner": inner,
    "vecdot": vecdot,
    "tensordot": tensordot,
    "multi_dot": multi_dot,
    "chain_matmul": chain_matmul,
    "matrix_power": matrix_power,
    "cov": cov,
    "corrcoef": corrcoef,
    "einsum": einsum_macs,
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "_scaled_dot_product_flash_attention_for_cpu": scaled_dot_product_attention,
    "_scaled_dot_product_flash_attention": scaled_dot_product_attention,
    "_scaled_dot_product_efficient_attention": scaled_dot_product_attention,
    "_scaled_dot_product_cudnn_attention": scaled_dot_product_attention,
    "multi_head_attention_forward": multi_head_attention_forward,
    "_native_multi_head_attention": native_multi_head_attention,
    "_transformer_encoder_layer_fwd": transformer_encoder_layer,
    "mkldnn_rnn_layer": onednn_lstm_layer,
    "_cudnn_rnn": cudnn_rnn,
    "gru": _recurrent(GRU_GATES),
    "lstm": _recurrent(LSTM_GATES),
    "rnn_tanh": _recurrent(1),
    "rnn_relu": _recurrent(1),
    "gru_cell": _recurrent_cell(GRU_GATES),
    "lstm_cell": _recurrent_cell(LSTM_GATES),
    "rnn_tanh_cell": _recurrent_cell(1),
    "rnn_relu_cell": _recurrent_cell(1),
}
