"""What each operation that PyTorch dispatches does: the one table behind the ledger's kinds.

Multiply-adds are those of convolutions, matrix products and attention. What is listed here as any
other kind has none by convention, however many multiplications it takes; what has multiply-adds and
no formula (Fourier transforms, decompositions, solvers, distances) is deliberately in no list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from epam_bench.records import OperationKind

CONVOLUTIONS = """
    convolution cudnn_convolution cudnn_convolution_relu cudnn_convolution_add_relu mkldnn_convolution
    miopen_convolution miopen_depthwise_convolution convolution_overrideable _slow_conv2d_forward
    slow_conv3d_forward slow_conv_dilated2d slow_conv_dilated3d _conv_depthwise2d conv_depthwise3d
    cudnn_convolution_transpose miopen_convolution_transpose slow_conv_transpose2d slow_conv_transpose3d
    conv_tbc torchvision.deform_conv2d mkldnn._convolution_pointwise mkldnn._convolution_transpose_pointwise
"""

MATRIX_PRODUCTS = """
    mm addmm bmm baddbmm addbmm mv addmv dot vdot addr _addmm_activation _int_mm _scaled_mm mkldnn_linear
    mkldnn._linear_pointwise _trilinear mkldnn_rnn_layer _cudnn_rnn miopen_rnn
"""

ATTENTIONS = """
    _scaled_dot_product_flash_attention _scaled_dot_product_flash_attention_for_cpu
    _scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention
    _scaled_dot_product_fused_attention_overrideable _scaled_dot_product_attention_math_for_mps
    _flash_attention_forward _efficient_attention_forward
    _native_multi_head_attention _transformer_encoder_layer_fwd
"""

NORMALISATIONS = """
    native_batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_training _batch_norm_with_update _batch_norm_no_update batch_norm_elemt
    native_layer_norm native_group_norm _fused_rms_norm
"""

ACTIVATIONS = """
    relu relu6 hardtanh silu gelu sigmoid tanh hardswish hardsigmoid elu selu celu leaky_relu prelu
    _prelu_kernel softplus mish log_sigmoid_forward glu threshold softshrink hardshrink rrelu_with_noise
    rrelu _softmax _log_softmax _safe_softmax _masked_softmax
"""

POOLINGS = """
    avg_pool1d avg_pool2d avg_pool3d max_pool2d_with_indices max_pool3d_with_indices
    max_pool2d max_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d
    fractional_max_pool2d fractional_max_pool3d max_unpool2d max_unpool3d mkldnn_max_pool2d mkldnn_max_pool3d
    torchvision.roi_align torchvision.roi_pool torchvision.ps_roi_align torchvision.ps_roi_pool
"""

INTERPOLATIONS = """
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
    _upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d
    upsample_trilinear3d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa grid_sampler_2d
    grid_sampler_3d cudnn_grid_sampler affine_grid_generator
"""

REDUCTIONS = """
    sum mean amax amin max min argmax argmin prod var std var_mean std_mean any all logsumexp norm
    linalg_vector_norm cumsum cumprod cummax cummin logcumsumexp nansum nanmedian median mode aminmax
    count_nonzero scatter_add scatter_reduce index_add index_reduce _embedding_bag
    _embedding_bag_forward_only segment_reduce trace col2im kthvalue histc bincount
    mse_loss smooth_l1_loss huber_loss binary_cross_entropy
    binary_cross_entropy_with_logits nll_loss_forward nll_loss2d_forward
    soft_margin_loss multi_margin_loss multilabel_margin_loss_forward _ctc_loss
"""

DATA_MOVEMENTS = """
    cat stack clone copy _to_copy contiguous roll flip rot90 gather scatter index _unsafe_index index_put
    _index_put_impl _unsafe_index_put index_select index_copy index_fill masked_select masked_fill
    masked_scatter take put take_along_dim embedding constant_pad_nd reflection_pad1d reflection_pad2d
    reflection_pad3d replication_pad1d replication_pad2d replication_pad3d _pad_circular repeat
    repeat_interleave im2col pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle
    unfold_backward tril triu
    tril_indices triu_indices zeros ones full zeros_like ones_like full_like new_zeros new_ones new_full
    fill zero arange linspace logspace eye scalar_tensor select_scatter slice_scatter diagonal_scatter
    as_strided_scatter diag_embed nonzero one_hot _local_scalar_dense block_diag cartesian_prod
    combinations rand randn randint randperm rand_like randn_like randint_like bernoulli
    normal uniform native_dropout random exponential multinomial _pack_padded_sequence to_padded_tensor
    _nested_tensor_from_mask_left_aligned _nested_tensor_from_tensor_list _nested_tensor_from_mask
    nested_to_padded_tensor _nested_from_padded _to_sparse _to_dense to_sparse sparse_mask
"""

ELEMENTWISE = """
    _weight_norm_interface _thnn_fused_gru_cell _thnn_fused_lstm_cell clamp clamp_min clamp_max where
    complex polar real imag lerp addcmul addcdiv bitwise_and bitwise_or sort topk
    argsort searchsorted bucketize _unique2 unique_consecutive unique_dim equal is_nonzero allclose
    isin linalg_cross torchvision.nms
"""
"""Ordering and searching compare elements; they multiply nothing."""

_MOVES_NOTHING = """
    _unsafe_view _reshape_alias lift lift_fresh alias detach unsafe_split unsafe_split_with_sizes
    unsafe_chunk transpose_ t_ squeeze_ unsqueeze_ as_strided_ swapaxes_ swapdims_ resize_ set_ detach_
    empty empty_like empty_strided new_empty new_empty_strided empty_permuted resize_as_ sym_size
    _nested_view_from_buffer is_same_size _assert_async _assert_tensor_metadata is_pinned size stride
    numel _linalg_check_errors sym_stride sym_numel sym_storage_offset result_type
"""
"""Views by another name, and tensors that are made without being filled."""

MOVES_NOTHING = frozenset(_MOVES_NOTHING.split())

_LISTS: Mapping[OperationKind, str] = {
    OperationKind.CONVOLUTION: CONVOLUTIONS,
    OperationKind.MATRIX_PRODUCT: MATRIX_PRODUCTS,
    OperationKind.ATTENTION: ATTENTIONS,
    OperationKind.NORMALISATION: NORMALISATIONS,
    OperationKind.ACTIVATION: ACTIVATIONS,
    OperationKind.POOLING: POOLINGS,
    OperationKind.INTERPOLATION: INTERPOLATIONS,
    OperationKind.REDUCTION: REDUCTIONS,
    OperationKind.DATA_MOVEMENT: DATA_MOVEMENTS,
    OperationKind.ELEMENTWISE: ELEMENTWISE,
}

KINDS: Mapping[str, OperationKind] = {name: kind for kind, names in _LISTS.items() for name in names.split()}

_ONE_NAME = {
    "native_batch_norm": "batch_norm",
    "cudnn_batch_norm": "batch_norm",
    "miopen_batch_norm": "batch_norm",
    "_native_batch_norm_legit": "batch_norm",
    "_native_batch_norm_legit_no_training": "batch_norm",
    "_batch_norm_with_update": "batch_norm",
    "_batch_norm_no_update": "batch_norm",
    "native_layer_norm": "layer_norm",
    "native_group_norm": "group_norm",
    "_fused_rms_norm": "rms_norm",
    "_softmax": "softmax",
    "_log_softmax": "log_softmax",
    "_safe_softmax": "softmax",
    "_prelu_kernel": "prelu",
}
"""What several names stand for, so that a ledger does not depend on the device."""


def base_name(func: Any) -> str:
    """Name of a dispatched operation without overload; other name spaces than ``aten`` stay in front."""
    return str(func._overloadpacket).removeprefix("aten.")


def moves_nothing(func: Any) -> bool:
    """Whether an operation only makes a view, or a tensor that it does not fill."""
    return func.is_view or base_name(func) in MOVES_NOTHING


def ledger_name(name: str) -> str:
    """The name that a ledger uses: in-place forms under the plain name, one name for all devices."""
    plain = plain_name(name)
    return _ONE_NAME.get(plain, plain)


def kind_of(func: Any) -> OperationKind | None:
    """What an operation does; none for one that is in no list."""
    name = plain_name(base_name(func))
    if known := KINDS.get(name):
        return known
    if torch.Tag.view_copy in func.tags:
        return OperationKind.DATA_MOVEMENT
    if torch.Tag.pointwise in func.tags or name.startswith("_foreach_"):
        return OperationKind.ELEMENTWISE
    return None


def plain_name(name: str) -> str:
    """``add_`` → ``add``."""
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name
