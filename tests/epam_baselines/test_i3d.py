from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models import resnet50

from epam_baselines.i3d import I3DR50, SPEC
from epam_baselines.specification import build_model

Lively = Callable[[nn.Module], nn.Module]


def meta_model() -> nn.Module:
    with torch.device("meta"):
        return build_model(SPEC)


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    state = meta_model().state_dict()
    decisive = {
        "backbone.conv1.conv.weight": (64, 3, 5, 7, 7),
        "backbone.conv1.bn.running_mean": (64,),
        "backbone.layer1.0.downsample.conv.weight": (256, 64, 1, 1, 1),
        "backbone.layer2.0.conv2.conv.weight": (128, 128, 1, 3, 3),
        "backbone.layer4.2.conv3.bn.weight": (2048,),
        "cls_head.fc_cls.weight": (400, 2048),
        "cls_head.fc_cls.bias": (400,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # 53 convolutions with 6 entries each and a linear layer with 2, as ResNet-50 has.
    assert len(state) == 53 * 6 + 2


def test_which_blocks_see_three_frames() -> None:
    state = meta_model().state_dict()
    seen = [
        [state[f"backbone.layer{stage}.{block}.conv1.conv.weight"].shape[2] for block in range(depth)]
        for stage, depth in ((1, 3), (2, 4), (3, 6), (4, 3))
    ]
    assert seen == [[3, 3, 3], [3, 1, 3, 1], [3, 1, 3, 1, 3, 1], [1, 3, 1]]


def test_time_shrinks_to_an_eighth_before_the_second_stage_and_no_more_after() -> None:
    x = torch.empty(1, *SPEC.inputs["rgb"], device="meta")
    backbone = meta_model().get_submodule("backbone")
    sizes = {name: tuple((x := layer(x)).shape[2:4]) for name, layer in backbone.named_children()}
    assert sizes == {
        "conv1": (16, 112),
        "maxpool": (8, 56),
        "layer1": (8, 56),
        "pool2": (4, 56),
        "layer2": (4, 28),
        "layer3": (4, 14),
        "layer4": (4, 7),
    }


def test_the_published_input_gives_one_logit_a_class() -> None:
    assert meta_model()(torch.empty(2, *SPEC.inputs["rgb"], device="meta")).shape == (2, 400)


def test_a_still_video_gives_the_logits_of_the_image_network_it_is_inflated_from(lively: Lively) -> None:
    image_model = lively(resnet50(num_classes=5)).eval()
    video_model = I3DR50(num_classes=5).eval()
    video_model.load_state_dict(inflated(image_model.state_dict(), video_model.state_dict()))
    image = torch.randn(1, 3, 64, 64)
    still = image[:, :, None].expand(1, 3, 16, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(video_model(still), image_model(image), rtol=1e-4, atol=1e-4)


def inflated(image_state: dict[str, Tensor], video_state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a ResNet in I3D's shapes, temporal kernels looking at their middle frame only.

    Both networks keep their entries in the same order.
    """
    result = {}
    for (name, wanted), value in zip(video_state.items(), image_state.values(), strict=True):
        result[name] = value
        if value.dim() == 4:
            result[name] = torch.zeros_like(wanted)
            result[name][:, :, wanted.shape[2] // 2] = value
    return result
