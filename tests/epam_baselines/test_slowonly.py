from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet50

from epam_baselines.slowonly import (
    SLOWONLY_R50_4X16,
    SPEC,
    Bottleneck,
    SlowOnlyR50,
    residual_stage,
    slowonly_backbone,
)
from epam_baselines.specification import ModelSpec, build_model

Lively = Callable[[nn.Module], nn.Module]


def frames_that_change(stages: nn.Module, *, frames: int, changed: int) -> list[int]:
    """Frames of the output that differ when one frame of the input does."""
    clip = torch.randn(1, 3, frames, 32, 32)
    other = clip.clone()
    other[:, :, changed] += 1.0
    with torch.no_grad():
        difference = (stages(clip) - stages(other)).abs().amax((0, 1, 3, 4))
    return difference.nonzero().flatten().tolist()


def test_early_stages_look_at_one_frame_and_late_ones_across_time(lively: Lively) -> None:
    backbone = slowonly_backbone(
        in_channels=3,
        width=4,
        blocks=(1, 1, 2),
        temporal=(False, False, True),
        spatial_strides=(1, 2, 2),
        temporal_strides=(1, 1, 1),
        stem_stride=2,
    )
    lively(backbone).eval()
    # conv1, maxpool, layer1, layer2; then two blocks that see one frame further on each side, each.
    assert frames_that_change(backbone[:4], frames=8, changed=3) == [3]
    assert frames_that_change(backbone, frames=8, changed=3) == [1, 2, 3, 4, 5]


def test_which_stages_of_the_published_network_see_three_frames() -> None:
    with torch.device("meta"):
        state = SlowOnlyR50(num_classes=400).backbone.state_dict()
    seen = [state[f"layer{stage}.0.conv1.conv.weight"].shape[2] for stage in (1, 2, 3, 4)]
    assert seen == [1, 1, 3, 3]


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    with torch.device("meta"):
        state = SlowOnlyR50(num_classes=400).state_dict()
    decisive = {
        "backbone.conv1.conv.weight": (64, 3, 1, 7, 7),
        "backbone.conv1.bn.running_mean": (64,),
        "backbone.layer1.0.conv1.conv.weight": (64, 64, 1, 1, 1),
        "backbone.layer1.0.downsample.conv.weight": (256, 64, 1, 1, 1),
        "backbone.layer1.0.downsample.bn.weight": (256,),
        "backbone.layer2.3.conv2.conv.weight": (128, 128, 1, 3, 3),
        "backbone.layer3.5.conv1.conv.weight": (256, 1024, 3, 1, 1),
        "backbone.layer4.2.conv3.conv.weight": (2048, 512, 1, 1, 1),
        "backbone.layer4.2.conv3.bn.num_batches_tracked": (),
        "cls_head.fc_cls.weight": (400, 2048),
        "cls_head.fc_cls.bias": (400,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # 53 convolutions with 6 entries each and a linear layer with 2, as ResNet-50 has.
    assert len(state) == 53 * 6 + 2


def test_one_frame_gives_the_logits_of_the_resnet50_it_is_inflated_from(lively: Lively) -> None:
    image_model = lively(resnet50(num_classes=5)).eval()
    video_model = SlowOnlyR50(num_classes=5).eval()
    video_model.load_state_dict(inflated(image_model.state_dict(), video_model.state_dict()))
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(video_model(image[:, :, None]), image_model(image), rtol=1e-4, atol=1e-4)


def inflated(image_state: dict[str, Tensor], video_state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a ResNet under SlowOnly's names, temporal kernels looking at the middle frame only.

    Both keep a module's entries in the same order, but for where the shortcut stands.
    """
    result = {}
    for key in video_state:
        name = key.removeprefix("backbone.").replace("cls_head.fc_cls", "fc")
        name = name.replace("downsample.conv", "downsample.0").replace("downsample.bn", "downsample.1")
        for index in "123":
            name = name.replace(f"conv{index}.conv.", f"conv{index}.")
            name = name.replace(f"conv{index}.bn.", f"bn{index}.")
        value = image_state[name]
        if value.dim() == 4:
            middle = video_state[key].shape[2] // 2
            value = torch.stack(
                [value if at == middle else torch.zeros_like(value) for at in range(2 * middle + 1)], dim=2
            )
        result[key] = value
    return result


def test_a_fresh_block_without_stride_is_its_shortcut() -> None:
    block = Bottleneck(8, 2, temporal=True).eval()
    x = torch.randn(1, 8, 3, 4, 4)
    assert torch.equal(block(x), x.relu())


def test_a_stage_description_of_uneven_length_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        slowonly_backbone(
            in_channels=3,
            width=4,
            blocks=(1, 1),
            temporal=(False,),
            spatial_strides=(1, 2),
            temporal_strides=(1, 1),
            stem_stride=2,
        )


def test_a_stage_strides_in_its_first_block_and_looks_across_time_where_told() -> None:
    with torch.device("meta"):
        stage = residual_stage(8, 4, temporal=(True, False, True), spatial_stride=2, temporal_stride=2)
    assert stage(torch.empty(1, 8, 6, 8, 8, device="meta")).shape == (1, 16, 3, 4, 4)
    seen = [stage.state_dict()[f"{block}.conv1.conv.weight"].shape[2] for block in range(3)]
    assert seen == [3, 1, 3]


@pytest.mark.parametrize("spec", [SPEC, SLOWONLY_R50_4X16], ids=lambda spec: spec.name)
def test_the_published_inputs_give_one_logit_a_class(spec: ModelSpec) -> None:
    with torch.device("meta"):
        model = build_model(spec)
    assert model(torch.empty(2, *spec.inputs["rgb"], device="meta")).shape == (2, 400)


def test_both_forms_look_at_the_same_64_frames_of_the_video() -> None:
    spans = [spec.inputs["rgb"][1] * (spec.frame_interval or 0) for spec in (SPEC, SLOWONLY_R50_4X16)]
    assert spans == [64, 64]
    assert SLOWONLY_R50_4X16.build is SPEC.build
