import sys
from pathlib import Path

import pytest

from epam.data.annotations import load_annotations
from epam.data.command import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["epam-data", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    return exit_.value.code or 0


def test_synth_writes_a_data_set_and_names_the_next_command(monkeypatch, capsys, tmp_path: Path) -> None:
    output = tmp_path / "set"
    assert run(monkeypatch, "synth", "-o", str(output), "--classes", "1", "--samples-per-class", "1") == 0
    (annotation,) = load_annotations(output / "ntu60_2d.pkl")
    next_command = capsys.readouterr().out.splitlines()[-1].split()
    assert next_command[:2] == ["python", "inference/test_multimodal.py"]
    assert next_command[3] == str(output / "videos224" / f"{annotation.frame_dir}_rgb.mp4")
    assert Path(next_command[3]).is_file()
    assert next_command[5] == str(output / "ntu60_2d.pkl")


def test_a_mistake_is_one_line_and_status_2(monkeypatch, capsys, tmp_path: Path) -> None:
    assert run(monkeypatch, "synth", "-o", str(tmp_path / "set"), "--classes", "99") == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.strip().splitlines()[-1].startswith("epam-data: classes is 99")


def test_a_folder_that_cannot_be_made_is_one_line_and_status_2(monkeypatch, capsys, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run(monkeypatch, "synth", "-o", str(tmp_path / "file" / "set")) == 2
    assert "epam-data: " in capsys.readouterr().err


def test_help_has_an_example(monkeypatch, capsys) -> None:
    assert run(monkeypatch, "synth", "--help") == 0
    assert "epam-data synth -o" in capsys.readouterr().out
