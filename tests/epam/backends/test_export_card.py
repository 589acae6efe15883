"""The card says all that a user needs, and the program in it runs."""

from __future__ import annotations

from typing import Any

import pytest

from epam.backends.export import find_format
from epam.backends.export_card import ExportCard, card_markdown, running_code


def make_card(**changes: Any) -> ExportCard:
    fields: dict[str, Any] = {
        "model": "epam_net",
        "title": "EPAM-Net",
        "paper": "Somebody 2025",
        "format": "onnx",
        "format_facts": {"opset": "18"},
        "precision": "fp32",
        "files": [{"name": "net.onnx", "bytes": 10, "sha256": "a" * 64}],
        "inputs": [
            {"name": "rgb", "shape": [1, 3, 2, 8, 8], "meaning": "Normalised."},
            {"name": "heatmaps", "shape": [1, 17, 6, 2, 2], "meaning": "0 to 1."},
        ],
        "outputs": [{"name": name, "shape": [1, 2]} for name in ("rgb_logits", "pose_logits")],
        "classes": ["wave", "bow"],
        "trained_on": "embedded xsub",
        "checkpoint": "best.safetensors",
        "checkpoint_sha256": "c" * 64,
        "weights_sha256": "b" * 64,
        "metrics": {"top1": 0.9},
        "preparation": ["Take frames.", "Cut them."],
        "equality": {
            "reference": "the 3-D twin in float64",
            "inputs": "drawn at random",
            "clips": 4,
            "relative_error": 2e-7,
            "bound": 1e-4,
            "top1_agreement": 1.0,
            "without": ["torch"],
        },
        "licence": "Apache",
        "versions": {"python": "3.11"},
        "loading": find_format("onnx").loading,
        "libraries": ["onnxruntime"],
    }
    return ExportCard.model_validate(fields | changes)


def test_card_says_inputs_outputs_classes_hashes_and_equality() -> None:
    text = card_markdown(make_card())
    for said in (
        "`rgb`: float32 1×3×2×8×8. Normalised.",
        "1. Take frames.",
        "The streams' logits are added, rgb_logits + pose_logits",
        "- 0: wave",
        "within 2.0e-07 of those of the 3-D twin in float64",
        "could not import torch",
        f"`net.onnx`: 10 bytes, {'a' * 64}",
        f"SHA-256 of the file {'c' * 64}",
        "trained on embedded xsub",
        "top1 90.0 %",
        "- opset 18",
    ):
        assert said in text, said


def test_unknown_classes_and_random_weights_are_said() -> None:
    changes = {"classes": [], "checkpoint": None, "checkpoint_sha256": None, "caveats": ["random"]}
    text = card_markdown(make_card(**changes))
    assert "The weights are random." in text
    assert "names are not known" in text
    assert text.index("- random") < text.index("## Inputs")


def test_one_output_is_the_prediction_itself() -> None:
    card = make_card(outputs=[{"name": "logits", "shape": [1, 2]}])
    assert card.prediction.startswith("The class of the largest logit")


@pytest.mark.parametrize("name", ["onnx", "openvino", "torchexport"])
def test_program_is_about_ten_lines_of_python(name: str) -> None:
    code = running_code(make_card(loading=find_format(name).loading))
    compile(code, "card", "exec")
    assert len(code.splitlines()) <= 14
    assert 'FILE = "net.onnx"' in code


def test_card_for_programs_is_read_as_it_was_written() -> None:
    card = make_card()
    assert ExportCard.model_validate_json(card.model_dump_json()) == card
