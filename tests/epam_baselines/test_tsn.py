from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torchvision.models import resnet50

from epam_baselines.specification import build_model
from epam_baselines.tsn import SPEC, TSNR50

Lively = Callable[[nn.Module], nn.Module]


def meta_model() -> nn.Module:
    with torch.device("meta"):
        return build_model(SPEC)


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    state = meta_model().state_dict()
    decisive = {
        "backbone.conv1.conv.weight": (64, 3, 7, 7),
        "backbone.conv1.bn.running_mean": (64,),
        "backbone.layer1.0.conv1.conv.weight": (64, 64, 1, 1),
        "backbone.layer1.0.downsample.conv.weight": (256, 64, 1, 1),
        "backbone.layer1.0.downsample.bn.weight": (256,),
        "backbone.layer2.3.conv2.conv.weight": (128, 128, 3, 3),
        "backbone.layer4.2.conv3.bn.num_batches_tracked": (),
        "cls_head.fc_cls.weight": (400, 2048),
        "cls_head.fc_cls.bias": (400,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    assert len(state) == 53 * 6 + 2


def test_the_published_input_gives_one_logit_a_class() -> None:
    assert meta_model()(torch.empty(2, *SPEC.inputs["rgb"], device="meta")).shape == (2, 400)


def test_logits_are_the_mean_of_an_image_networks_over_the_segments(lively: Lively) -> None:
    image_model = lively(resnet50(num_classes=5)).eval()
    video_model = TSNR50(num_classes=5).eval()
    # Both keep their entries in the same order.
    names = video_model.state_dict()
    video_model.load_state_dict(dict(zip(names, image_model.state_dict().values(), strict=True)))
    clip = torch.randn(2, 3, 3, 32, 32)
    with torch.no_grad():
        each = torch.stack([image_model(clip[:, :, segment]) for segment in range(3)])
        assert not torch.allclose(each[0], each[1], rtol=0.01)
        torch.testing.assert_close(video_model(clip), each.mean(0), rtol=1e-4, atol=1e-4)
