from __future__ import annotations

import pytest
import torch
from torch import nn

import epam
from epam.backends import BackendError, optimize
from epam.backends.optimized_model import check_backend
from epam.backends.registry import find_backend
from epam.errors import InputError, UnknownNameError


def test_the_function_is_found_after_its_module_was_imported() -> None:
    # A submodule of the function's own name would hide it.
    assert callable(epam.optimize)
    assert callable(optimize)


def test_the_network_that_was_given_does_not_change(thin, clips) -> None:
    model = thin().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fast = optimize(model, backend="fused", precision="fp32", example_inputs=clips())
    fast(*clips())
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_logits_carry_no_gradient_and_stay_after_the_next_call(thin, clips) -> None:
    model, first, second = thin(), clips(), clips()
    for backend in ("reference", "eager", "fused"):
        fast = optimize(model, backend=backend, example_inputs=first)
        kept = fast(*first).pose
        copy = kept.clone()
        fast(*second)
        assert not kept.requires_grad
        assert torch.equal(kept, copy), backend


def test_inputs_of_other_shapes_are_refused_with_both_shapes(thin, clips) -> None:
    fast = optimize(thin(), backend="eager", example_inputs=clips(1))
    with pytest.raises(InputError, match=r"\(2, 3, 4, 16, 16\).*made ready for \(\(1, 3, 4, 16, 16\)"):
        fast(*clips(2))
    with pytest.raises(InputError, match="made ready for"):
        fast(clips(1)[0])


def test_example_inputs_that_the_network_cannot_take_are_refused_at_once(thin) -> None:
    wrong = torch.zeros(1, 3, 4, 20, 16), torch.zeros(1, 17, 12, 4, 4)
    for backend in ("reference", "eager", "fused"):
        with pytest.raises(InputError, match="divisible by 8"):
            optimize(thin(), backend=backend, example_inputs=wrong)
    with pytest.raises(InputError, match="RGB clips came with 3"):
        optimize(thin(), example_inputs=(torch.zeros(1, 3, 4, 16, 16), torch.zeros(3, 17, 12, 4, 4)))


def test_wrong_numbers_of_inputs_are_refused(thin, clips) -> None:
    with pytest.raises(InputError, match="cannot take inputs of shapes"):
        optimize(thin(), example_inputs=clips()[:1])
    with pytest.raises(InputError, match="cannot take inputs of shapes"):
        optimize(epam.x_shiftnet_pose(5), backend="eager", example_inputs=clips())


def test_weights_that_are_not_finite_are_refused_by_name(thin, clips) -> None:
    model = thin()
    with torch.no_grad():
        model.get_parameter("rgb_backbone.layer2.0.conv1.conv.weight")[0] = float("nan")
    with pytest.raises(InputError, match=r"rgb_backbone.layer2.0.conv1.conv.weight.*not finite"):
        optimize(model, example_inputs=clips())


def test_the_published_size_stands_in_where_no_inputs_are_given() -> None:
    pose = epam.x_shiftnet_pose(5, stem_channels=8, stage_blocks=(1,))
    assert optimize(pose, backend="eager").shapes == ((1, 17, 48, 56, 56),)
    with pytest.raises(InputError, match="Linear: give example_inputs"):
        optimize(nn.Linear(2, 2), backend="eager")


def test_unknown_names_are_told_with_the_nearest(thin, clips) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'openvino'"):
        optimize(thin(), backend="open_vino", example_inputs=clips())
    with pytest.raises(UnknownNameError, match="unknown precision 'bf61'"):
        optimize(thin(), precision="bf61", example_inputs=clips())  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="unknown device 'tpu'"):
        optimize(thin(), device="tpu", example_inputs=clips())


def test_what_a_backend_lacks_is_told_with_what_it_has() -> None:
    cpu = torch.device("cpu")
    with pytest.raises(BackendError, match="eager: has no int8 on cpu; it has fp32, bf16"):
        check_backend(find_backend("eager"), precision="int8", device=cpu)
    fused = find_backend("fused")
    with pytest.raises(BackendError, match="fused: does not run on meta, only on cpu, cuda"):
        check_backend(fused, precision="fp32", device=torch.device("meta"))
    with pytest.raises(BackendError, match="fused: has no fp16 on cpu"):
        check_backend(fused, precision="fp16", device=cpu)


def test_int8_without_real_inputs_is_refused(thin, clips) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    with pytest.raises(BackendError, match="int8 needs real inputs"):
        optimize(thin(), backend="openvino", precision="int8", example_inputs=clips())


def test_threads_below_one_are_refused(thin, clips) -> None:
    with pytest.raises(InputError, match="threads 0"):
        optimize(thin(), backend="eager", threads=0, example_inputs=clips())


def test_cache_is_where_an_engine_keeps_the_converted_network(convolutional, tmp_path) -> None:
    pytest.importorskip("openvino")
    clip = (torch.rand(1, 3, 4, 8, 8),)
    ready = optimize(convolutional, backend="openvino", example_inputs=clip, cache=tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".bin", ".xml"]
    assert ready.preparation_seconds > 0
