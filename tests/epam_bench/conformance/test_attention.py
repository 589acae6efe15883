"""The truths again: by walking over queries and keys, and by what the projections hold."""

from __future__ import annotations

import pytest
from torch import nn

from epam_bench.conformance.attention import CASES

BY_NAME = {case.name: case for case in CASES}
PRODUCTS = [name for name in BY_NAME if name.startswith("scaled dot-product")]
MULTI_HEAD = [name for name in BY_NAME if name.startswith("multi-head")]


@pytest.mark.parametrize("name", [*PRODUCTS, "attention written as two products"])
def test_every_query_meets_every_key_and_sums_every_value(name: str) -> None:
    query, key, value = BY_NAME[name].args()
    heads = query.shape[:-2].numel()
    multiplied = 0
    for _ in range(heads):
        for _ in range(query.shape[-2]):
            for _ in range(key.shape[-2]):
                multiplied += query.shape[-1] + value.shape[-1]
    assert BY_NAME[name].truth == multiplied


@pytest.mark.parametrize("name", MULTI_HEAD)
def test_every_token_meets_its_projections_weights(name: str) -> None:
    case = BY_NAME[name]
    model, inputs = case.build(), list(case.args())
    attention = model.attention
    if not attention.batch_first:
        inputs = [x.transpose(0, 1) for x in inputs]
    query, memory = inputs[0], inputs[-1]
    batch, width = query.shape[0], attention.embed_dim
    learnt_keys = 0 if attention.bias_k is None else 1
    keys = memory.shape[1] + learnt_keys
    projections = (
        query.shape[1] * width * query.shape[2]
        + memory.shape[1] * width * (attention.kdim + attention.vdim)
        + query.shape[1] * attention.out_proj.weight.numel()
    )
    assert case.truth == batch * (projections + 2 * query.shape[1] * keys * width)


def test_an_encoder_layers_tokens_meet_each_of_its_weights_once() -> None:
    case = BY_NAME["transformer encoder layer in eval mode"]
    (x,) = case.args()
    matrices = sum(value.numel() for value in case.build().parameters() if value.dim() == 2)
    tokens = x.shape[0] * x.shape[1]
    assert case.truth == tokens * matrices + tokens * x.shape[1] * x.shape[2] * 2


def test_a_part_that_stays_in_training_does() -> None:
    for name in MULTI_HEAD:
        model = BY_NAME[name].build().eval()
        assert model.training is ("in training mode" in name)
        assert model.attention.training is model.training
    (layer,) = [case.build() for case in CASES if "encoder layer in training mode" in case.name]
    assert layer.eval().part.training
    assert isinstance(layer.part, nn.TransformerEncoderLayer)
