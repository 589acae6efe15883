"""The command writes a file and its card from a checkpoint, and says in a line what is to be mended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from epam.backends.export import find_format
from epam.data.data_root import hash_class_names
from epam.data.datasets import get_dataset
from epam.errors import InputError
from epam_baselines.export_command import app

CLASSES = get_dataset("embedded").protocol("xsub").class_names


def test_help_teaches_by_example() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "Example: epam-export --checkpoint" in shown


def test_trained_network_becomes_files_whose_card_runs_without_torch(
    trained_pose_network: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("openvino")
    checkpoint = trained_pose_network(label_map_sha256=hash_class_names(CLASSES), metrics={"top1": 0.5})
    arguments = ["--checkpoint", str(checkpoint), "--to", "openvino", "-o", str(tmp_path / "out" / "net.xml")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "without epam" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "net.bin",
        "net.xml",
        "net.xml.json",
        "net.xml.md",
    ]
    graph = (tmp_path / "out" / "net.xml").read_text()
    assert 'names="heatmaps"' in graph
    assert 'names="logits"' in graph
    card = json.loads((tmp_path / "out" / "net.xml.json").read_text())
    assert card["classes"] == list(CLASSES)
    assert card["trained_on"] == "embedded xsub"
    assert card["inputs"][0]["shape"] == [1, 17, 18, 24, 24]
    assert card["outputs"] == [{"name": "logits", "shape": [1, 12], "dtype": "float32"}]
    assert card["equality"]["relative_error"] <= card["equality"]["bound"]
    assert "torch" in card["equality"]["without"]
    assert card["libraries"] == list(find_format("openvino").libraries)
    code = (tmp_path / "out" / "net.xml.md").read_text().partition("```python\n")[2].partition("```")[0]
    blocked = "import sys\nsys.modules['torch'] = sys.modules['openvino_telemetry'] = None\n"
    code = f"{blocked}{code}print(best.shape)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path / "out", check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "(1,)"


def test_ctrl_c_says_that_the_file_was_not_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(plan: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("epam_baselines.export_run.carry_out", interrupt)
    done = CliRunner().invoke(app, ["x_shiftnet_pose", "--to", "torchexport", "-o", "net.pt2"])
    assert (done.exit_code, done.stderr) == (130, "stopped; net.pt2 was not finished\n")


def test_data_that_nobody_names_are_asked_for(tmp_path: Path) -> None:
    arguments = ["x_shiftnet_pose", "--to", "onnx", "-o", str(tmp_path / "a.onnx"), "--root", str(tmp_path)]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, InputError)
    assert "give --dataset and --protocol" in str(done.exception)
