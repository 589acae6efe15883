"""A file appears with its card after it gave the network's logits, or nothing appears at all."""

from __future__ import annotations

import errno
import os
import runpy
from pathlib import Path

import pytest
from torch import nn

from epam.backends.backend import BackendError, Inputs
from epam.backends.equality import Equality
from epam.backends.export import ExportRequest
from epam.backends.export_card import CardFile, ExportCard
from epam.backends.exported_network import Export, check_request, export_network
from epam.errors import InputError


@pytest.fixture
def export(linear: nn.Linear, linear_file, linear_request: ExportRequest, linear_clips: list[Inputs]):
    def make_card(files: tuple[CardFile, ...], facts: dict[str, str], equality: Equality) -> ExportCard:
        fields = {
            **dict.fromkeys(("model", "title", "paper", "format", "licence"), "a word"),
            "format_facts": facts,
            "precision": "fp32",
            "files": files,
            "inputs": [{"name": "clip", "shape": (1, 4), "meaning": "Four numbers."}],
            "outputs": [{"name": "logits", "shape": (1, 2)}],
            **dict.fromkeys(("trained_on", "checkpoint", "checkpoint_sha256")),
            "weights_sha256": "0" * 64,
            "equality": {
                "inputs": "given",
                "without": ("torch",),
                **{name: getattr(equality, name) for name in Equality.__dataclass_fields__},
            },
            "versions": {},
            "loading": linear_file.loading,
            "libraries": linear_file.libraries,
        }
        return ExportCard.model_validate(fields)

    def run(path: Path) -> Export:
        return export_network(
            linear, linear_file, path, linear_request, clips=linear_clips, make_card=make_card
        )

    return run


def test_file_companion_and_cards_stand_beside_each_other(export, tmp_path: Path) -> None:
    done = export(tmp_path / "deep" / "net.npz")
    names = ["net.npz", "net.npz.json", "net.npz.md", "net.txt"]
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == names
    assert sorted(path.name for path in done.paths) == names
    assert done.card.equality.relative_error < 1e-6
    read = ExportCard.model_validate_json((tmp_path / "deep" / "net.npz.json").read_text())
    assert read == done.card
    assert [file.bytes for file in read.files] == [path.stat().st_size for path in done.paths[:2]]


def test_wrong_file_is_refused_and_an_older_one_stays(export, linear_file, tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    export(path)
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    linear_file.error = 0.5
    with pytest.raises(BackendError, match=r"off by .* of the largest from its own eager form in float64"):
        export(path)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before


def test_not_a_number_is_never_near_enough(export, linear_file, tmp_path: Path) -> None:
    linear_file.error = float("nan")
    with pytest.raises(BackendError, match="nothing was written"):
        export(tmp_path / "net.npz")
    assert list(tmp_path.iterdir()) == []


def test_writer_that_fails_half_way_leaves_nothing(
    export, linear_file, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(model: nn.Module, request: ExportRequest, path: Path) -> dict[str, str]:
        path.write_text("half")
        raise BackendError("an operation that it does not know")

    monkeypatch.setattr(linear_file, "write", fail, raising=False)
    with pytest.raises(BackendError, match="does not know"):
        export(tmp_path / "net.npz")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_is_removed_when_it_is_old(export, tmp_path: Path) -> None:
    old, young = tmp_path / ".net.npz.a.tmp", tmp_path / ".net.npz.b.tmp"
    for folder in (old, young):
        folder.mkdir()
    os.utime(old, (0, 0))
    export(tmp_path / "net.npz")
    assert not old.exists()
    assert young.exists()


def test_place_that_cannot_be_written_is_one_line(export, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        export(tmp_path / "file" / "net.npz")


@pytest.mark.parametrize("earlier", [True, False])
def test_export_that_cannot_be_put_in_its_place_leaves_what_was_there(
    earlier: bool, export, linear_file, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if earlier:
        export(tmp_path / "net.npz")
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    linear_file.loading += "\n# another card"
    failures = [OSError(errno.ENOSPC, "No space left on device")]
    replace = Path.replace

    def fail_once(part: Path, target: Path) -> Path:
        if target == tmp_path / "net.txt" and failures:
            # The cards are there by now.
            assert "another card" in (tmp_path / "net.npz.json").read_text()
            raise failures.pop()
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    with pytest.raises(InputError, match=r"net.npz: cannot be written \(No space left"):
        export(tmp_path / "net.npz")
    assert failures == []
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before
    export(tmp_path / "net.npz")
    assert "another card" in (tmp_path / "net.npz.json").read_text()
    assert len(list(tmp_path.iterdir())) == 4


def test_folder_that_appears_where_a_file_is_to_stand_stays(
    export, linear_file, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path / "net.npz")
    write = linear_file.write

    def meanwhile(*arguments: object) -> object:
        (tmp_path / "net.npz.md").unlink()
        (tmp_path / "net.npz.md").mkdir()
        return write(*arguments)

    monkeypatch.setattr(linear_file, "write", meanwhile, raising=False)
    with pytest.raises(InputError, match=r"net\.npz\.md: is a folder"):
        export(tmp_path / "net.npz")
    names = ["net.npz", "net.npz.json", "net.npz.md", "net.txt"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == names


def test_names_and_precisions_that_the_format_has_not_are_refused(linear_file, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"NAME\.npz and NAME\.txt"):
        check_request(linear_file, Path("net.onnx"), "fp32")
    with pytest.raises(BackendError, match="has no int8; it has fp32"):
        check_request(linear_file, Path("net.npz"), "int8")
    for name in ("net.npz", "net.txt", "net.npz.json"):
        (tmp_path / name).mkdir()
        with pytest.raises(InputError, match=f"{name}: is a folder"):
            check_request(linear_file, tmp_path / "net.npz", "fp32")
        (tmp_path / name).rmdir()


def test_program_in_the_card_runs(export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(tmp_path / "net.npz")
    text = (tmp_path / "net.npz.md").read_text()
    (tmp_path / "run.py").write_text(text.partition("```python\n")[2].partition("```")[0])
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path("run.py")
    assert names["best"].shape == (1,)
