from __future__ import annotations

import pytest
import torch

from epam.errors import InputError, UnknownNameError
from epam_baselines import model_spec
from epam_bench.timing.subject import plan_subjects


def forms(plan) -> list[tuple[str, str, str, int]]:
    return [
        (subject.spec.name, subject.backend, subject.precision, subject.batch_size)
        for subject in plan.subjects
    ]


def test_forms_of_one_network_and_batch_stay_together_with_the_twin_in_front() -> None:
    specs = [model_spec("x_shiftnet_pose"), model_spec("c3d")]
    plan = plan_subjects(specs, backends=["eager", "fused"], batch_sizes=[1, 4])
    assert forms(plan) == [
        *(("x_shiftnet_pose", name, "fp32", 1) for name in ("reference", "eager", "fused")),
        *(("x_shiftnet_pose", name, "fp32", 4) for name in ("reference", "eager", "fused")),
        *(("c3d", name, "fp32", size) for size in (1, 4) for name in ("eager", "fused")),
    ]
    assert plan.remarks == (
        "x_shiftnet_pose: its plain 3-D twin (reference) is timed too, for ratios to be to it",
    )


def test_one_backend_alone_brings_no_twin() -> None:
    assert forms(plan_subjects([model_spec("epam_net")])) == [("epam_net", "eager", "fp32", 1)]


def test_what_cannot_be_done_is_a_line_and_the_rest_is_done() -> None:
    plan = plan_subjects([model_spec("c3d")], backends=["reference", "eager"], precisions=["fp32", "int8"])
    assert forms(plan) == [("c3d", "eager", "fp32", 1)]
    said = "\n".join(plan.remarks)
    assert "backend eager: has no int8 on cpu" in said
    assert "c3d: backend reference: " in said


def test_nothing_that_can_be_done_is_an_error() -> None:
    with pytest.raises(InputError, match="backend eager: has no int8 on cpu"):
        plan_subjects([model_spec("c3d")], precisions=["int8"])


def test_training_has_forms_of_its_own() -> None:
    plan = plan_subjects(
        [model_spec("x_shiftnet_pose")],
        backends=["eager", "openvino"],
        precisions=["fp32", "fp16"],
        task="training",
    )
    assert [subject.backend for subject in plan.subjects] == ["reference", "eager"]
    assert any("backend openvino: cannot train" in remark for remark in plan.remarks)
    assert any("training in fp16: not timed" in remark for remark in plan.remarks)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"backends": ["opevino"]}, UnknownNameError, "'openvino'"),
        ({"precisions": ["fp23"]}, UnknownNameError, "unknown precision 'fp23'"),
        ({"precisions": ["fp23"], "task": "training"}, UnknownNameError, "unknown precision 'fp23'"),
        ({"batch_sizes": [0]}, InputError, "batch size 0"),
        ({"threads": 0}, InputError, "threads 0"),
        pytest.param(
            {"device": "cuda"},
            InputError,
            "no CUDA device",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is one"),
        ),
    ],
)
def test_nonsense_is_refused(options, error, message: str) -> None:
    with pytest.raises(error, match=message):
        plan_subjects([model_spec("c3d")], **options)


def test_label_tells_what_is_not_as_usual(trial) -> None:
    assert trial().label == "small"
    subject = trial(backend="openvino", precision="int8", batch_size=8, task="training")
    assert subject.label == "small, openvino, int8, batch 8, training"


def test_two_subjects_of_one_model_are_two(trial) -> None:
    assert len({trial(), trial()}) == 2
