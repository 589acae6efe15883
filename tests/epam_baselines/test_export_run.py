"""What is exported is settled early, and the card is filled from the weights' manifest."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from epam.backends.backend import BackendError
from epam.backends.equality import Equality
from epam.backends.exported_network import CardMaker
from epam.data.clip_size import ClipSize
from epam.data.data_root import DataLocation, hash_class_names
from epam.data.datasets import get_dataset
from epam.data.person_box import person_box
from epam.errors import CheckpointError, EpamError, InputError, UnknownNameError
from epam_baselines import ModelSpec, export_run, model_spec
from epam_baselines.export_run import _preparation, carry_out, plan_export
from epam_baselines.inputs import with_clip_size

Trained = Callable[..., Path]
CLASSES = get_dataset("embedded").protocol("xsub").class_names


def test_classes_are_those_of_the_training_if_they_still_have_their_names(
    trained_pose_network: Trained,
) -> None:
    known = trained_pose_network(label_map_sha256=hash_class_names(CLASSES))
    assert plan_export(None, to="torchexport", path=Path("a.pt2"), checkpoint=known).class_names == CLASSES
    other = trained_pose_network(name="other", label_map_sha256="1" * 64)
    assert plan_export(None, to="torchexport", path=Path("a.pt2"), checkpoint=other).class_names == ()


def test_classes_of_random_or_published_weights_are_those_of_the_data_that_are_named() -> None:
    plan = plan_export("x_shiftnet_pose", to="torchexport", path=Path("a.pt2"))
    assert (plan.class_names, plan.choice.num_classes) == ((), 60)
    location = DataLocation(dataset="embedded", protocol="xsub")
    plan = plan_export("x_shiftnet_pose", to="torchexport", path=Path("a.pt2"), location=location)
    assert plan.class_names == CLASSES
    assert plan.choice.num_classes == len(CLASSES)


def test_class_names_that_the_user_gives_must_be_those_of_the_training(
    trained_pose_network: Trained, tmp_path: Path
) -> None:
    names = tuple(f"turn {index}" for index in range(12))
    checkpoint = trained_pose_network(
        dataset="custom", protocol="mine", label_map_sha256=hash_class_names(names)
    )

    def plan(**classes: object) -> tuple[str, ...]:
        location = DataLocation(dataset="custom", protocol="mine", **classes)  # type: ignore[arg-type]
        return plan_export(
            None, to="torchexport", path=Path("a.pt2"), checkpoint=checkpoint, location=location
        ).class_names

    listed = tmp_path / "names.txt"
    listed.write_text("\n".join(names))
    assert plan(class_names=listed) == names
    assert plan(num_classes=12) == ()
    listed.write_text("\n".join(reversed(names)))
    with pytest.raises(InputError, match=r"names.txt: these are not the class names that .* --num-classes"):
        plan(class_names=listed)


def test_names_of_other_data_are_not_the_networks(trained_pose_network: Trained) -> None:
    location = DataLocation(dataset="embedded", protocol="xsub")
    checkpoint = trained_pose_network(
        dataset="custom", protocol="mine", label_map_sha256=hash_class_names(["mine"] * 12)
    )
    plan = plan_export(None, to="torchexport", path=Path("a.pt2"), checkpoint=checkpoint, location=location)
    assert plan.class_names == ()


def test_weights_that_came_after_their_manifest_was_read_are_refused(
    trained_pose_network: Trained, tmp_path: Path
) -> None:
    checkpoint = trained_pose_network(metrics={"top1": 0.5})
    plan = plan_export(None, to="torchexport", path=tmp_path / "a.pt2", checkpoint=checkpoint)
    trained_pose_network(metrics={"top1": 0.9})
    with pytest.raises(CheckpointError, match="holds other weights than its manifest was read for"):
        carry_out(plan)


def test_checkpoint_that_is_replaced_while_it_is_exported_is_refused(
    trained_pose_network: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(*_: object, make_card: CardMaker, **__: object) -> None:
        trained_pose_network()
        make_card((), {}, Equality(reference="", clips=1, relative_error=0, bound=1, top1_agreement=1))

    monkeypatch.setattr(export_run, "export_network", export)
    plan = plan_export(None, to="torchexport", path=tmp_path / "a.pt2", checkpoint=trained_pose_network())
    with pytest.raises(CheckpointError, match="became another file while it was exported; export a copy"):
        carry_out(plan)


def test_another_clip_keeps_the_networks_ratio_of_its_streams() -> None:
    plan = plan_export("epam_net", to="torchexport", path=Path("a.pt2"), clip="8x64x64")
    assert plan.choice.spec.inputs == {"rgb": (3, 8, 64, 64), "heatmaps": (17, 24, 16, 16)}


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"to": "onx"}, UnknownNameError, "'onnx'"),
        ({"precision": "fp8"}, UnknownNameError, "precision 'fp8'"),
        ({"precision": "int8"}, BackendError, "torchexport: has no int8; it has fp32, bf16, fp16"),
        ({"path": Path("a.onnx")}, InputError, r"ends in \.pt2"),
        ({"checkpoint": Path("nowhere.safetensors")}, InputError, "no such checkpoint"),
        ({"batch_size": 0}, InputError, "at least 1"),
        ({"clip": "8x64"}, InputError, "16x224x224"),
        ({"model": None}, InputError, "no checkpoint: .* name it, as in epam-export epam_net"),
        ({"model": "epamnet"}, UnknownNameError, "'epam_net'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_built(
    changes: dict[str, object], kind: type[EpamError], message: str
) -> None:
    request: dict[str, object] = {"model": "epam_net", "to": "torchexport", "path": Path("a.pt2")}
    with pytest.raises(kind, match=message):
        plan_export(**(request | changes))  # type: ignore[arg-type]


def test_int8_asks_where_real_clips_are() -> None:
    pytest.importorskip("openvino")
    with pytest.raises(InputError, match="calibrated on real clips: say where they are with --root"):
        plan_export("x_shiftnet_pose", to="openvino", path=Path("a.xml"), precision="int8")


def test_preparation_is_told_in_the_networks_own_numbers() -> None:
    steps = " ".join(_preparation(model_spec("epam_net")))
    for said in ("48 equal parts", "one in 3 of them", "224 × 224", "56 × 56", "Pipeline('multimodal'"):
        assert said in steps
    assert "to 224 × 224 pixels, and those to 112 × 112." in " ".join(_preparation(small("x_shiftnet_rgb")))
    assert _preparation(model_spec("stgcn")) == ()


def small(name: str) -> ModelSpec:
    return with_clip_size(model_spec(name), ClipSize(rgb_frames=4, frame_side=112))


@pytest.mark.parametrize(
    ("name", "cropped", "mapped"),
    [
        ("epam_net", "box of all frames of the video", "box of the 48 frames taken, less what is outside"),
        ("x_shiftnet_pose", None, "box of the 48 frames taken, which may reach outside"),
        ("x_shiftnet_rgb", "box of all frames of the video", None),
    ],
)
def test_preparation_says_which_frames_each_box_is_of(
    name: str, cropped: str | None, mapped: str | None
) -> None:
    steps = " ".join(_preparation(model_spec(name)))
    assert ("RGB: cut" in steps, "Heatmaps: " in steps) == (cropped is not None, mapped is not None)
    assert (cropped or "") in steps
    assert (mapped or "") in steps


def test_preparation_has_the_boxes_own_numbers() -> None:
    steps = " ".join(_preparation(model_spec("epam_net")))
    padded = re.search(r"([\d.]+) times the larger", steps)
    fewest = re.search(r"less than (\d+) pixels", steps)
    assert padded is not None
    assert fewest is not None
    wide, high = 80, 40
    corners = np.array([(100, 100), (100 + wide, 100 + high)], dtype=np.float32)[None, None]
    left, top, right, bottom = person_box(corners, (400, 400))
    assert right - left == bottom - top == float(padded[1]) * wide
    tiny = np.array([(100, 100), (99 + int(fewest[1]), 300)], dtype=np.float32)[None, None]
    assert person_box(tiny, (400, 400)) == (0, 0, 400, 400)
    wider = tiny + np.array([(0, 0), (1, 0)], dtype=np.float32)
    assert person_box(wider, (400, 400)) != (0, 0, 400, 400)
