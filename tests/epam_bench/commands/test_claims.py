"""`epam-bench claims` counts what claims name, judges them, and takes claims that are not ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from epam.errors import InputError, UnknownNameError
from epam_bench.commands.app import app
from epam_bench.records import CountRecord, read_records

HEADER = (
    "catalogue_name,model,modality,metric,dataset,split,value,unit,convention,input,views,source_id,where,"
    "note,printed_input,build_options,printed_views"
)
SOURCES = '[PAPER]\ntitle = "A paper"\nkind = "paper"\n\n[OTHER]\ntitle = "Another"\nkind = "repository"\n'

SMALL = "rgb 3x4x64x64"


def _run(arguments: Sequence[str], tmp_path: Path) -> dict[str, dict[str, object]]:
    """Claims by their words, as judged."""
    output = tmp_path / "claims.json"
    given = ["claims", *arguments, "--records", str(tmp_path / "r.jsonl"), "-f", "json", "-o", str(output)]
    result = CliRunner().invoke(app, given, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (table,) = json.loads(output.read_text())["tables"]
    return {row["claim"]: row for row in table["rows"]}


def _files(tmp_path: Path, *rows: str) -> list[str]:
    """Options that name a file of claims of one's own."""
    (tmp_path / "n.csv").write_text("\n".join((HEADER, *rows)) + "\n")
    (tmp_path / "s.toml").write_text(SOURCES)
    return ["--numbers", str(tmp_path / "n.csv"), "--number-sources", str(tmp_path / "s.toml")]


def _small_x3d(value: str, **changes: str) -> str:
    fields = {
        "catalogue_name": "x3d_xs",
        "model": "X3D",
        "modality": "RGB",
        "metric": "macs",
        "value": value,
        "unit": "G",
        "convention": "MACs",
        "input": SMALL,
        "views": "1",
        "source_id": "PAPER",
    }
    return ",".join((fields | changes).get(name, "") for name in HEADER.split(","))


def test_claims_of_ones_own_are_counted_at_their_own_input_and_errors_in_them_named(tmp_path: Path) -> None:
    """X3D-XS on 4 × 64² is 0.0984 G by our counter, on 2 × 64² 0.0501 G."""
    rows = (
        _small_x3d("0.0984"),
        _small_x3d("0.1968"),
        _small_x3d("2.952"),
        _small_x3d("0.135"),
        _small_x3d("0.0501", input="rgb 3x4x64x64"),
    )
    judged = _run(_files(tmp_path, *rows), tmp_path)
    assert {claim.split(" multiply")[0]: row["verdict"] for claim, row in judged.items()} == {
        "0.0984 G": "holds",
        "0.1968 G": "MAC/FLOP mix-up",
        "2.952 G": "views mix-up",
        "0.135 G": "does not hold",
        # Half the frames: an input near by, counted because the claim does not hold.
        "0.0501 G": "holds under another convention",
    }
    half = judged["0.0501 G multiply-adds of X3D"]
    assert half["convention"] == "our count at rgb 3×2×64×64, one view"
    records, _ = read_records(tmp_path / "r.jsonl")
    assert {record.counter for record in records if isinstance(record, CountRecord)} == {"consensus"}
    assert records[0].model.inputs == {"rgb": (3, 4, 64, 64)}


def test_a_claim_that_holds_takes_one_count(tmp_path: Path) -> None:
    _run(_files(tmp_path, _small_x3d("0.0984")), tmp_path)
    assert len(read_records(tmp_path / "r.jsonl")[0]) == 1


def test_a_model_of_ones_own_can_be_claimed_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One 3 × 3 convolution, 3 → 8 channels, on 10² without padding: 8 × 8 × 8 × 27 = 13,824."""
    (tmp_path / "claimed_network.py").write_text(
        "from torch import nn\n\n\ndef make():\n    return nn.Conv2d(3, 8, 3)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    row = _small_x3d(
        "0.000013824", catalogue_name="claimed_network:make", model="Mine", input="image 3x10x10"
    )
    judged = _run(_files(tmp_path, row), tmp_path)
    assert [(row["verdict"], row["measured"]) for row in judged.values()] == [("holds", 13824e-9)]


def test_skeletons_of_another_layout_are_counted_on_their_own_graph(tmp_path: Path) -> None:
    shape, options = "skeleton 2x20x25x3", "layout=nturgb+d"
    rows = [
        _small_x3d("1", catalogue_name="stgcn", model="ST-GCN", input=shape, build_options=options),
        _small_x3d("2", catalogue_name="stgcn", model="ST-GCN", input=shape),
    ]
    found = _run(_files(tmp_path, rows[0]), tmp_path)["1 G multiply-adds of ST-GCN"]
    assert found["measured"] == pytest.approx(5.698 / 5, rel=0.01)
    # Without the option the network is one of 17 joints, refuses 25, and that costs its own claim only.
    (tmp_path / "r.jsonl").unlink()
    refused = _run(_files(tmp_path, rows[1], _small_x3d("0.0984")), tmp_path)
    assert refused["2 G multiply-adds of ST-GCN"]["verdict"] == "needs data"
    assert refused["0.0984 G multiply-adds of X3D"]["verdict"] == "holds"


def test_what_the_catalogue_lacks_needs_data(tmp_path: Path) -> None:
    judged = _run(_files(tmp_path, _small_x3d("1.0", catalogue_name="x4d", model="X4D")), tmp_path)
    (row,) = judged.values()
    assert row["verdict"] == "needs data"
    assert "not counted here: x4d" in str(row["reason"]).lower()


def test_a_name_that_the_catalogue_lacks_is_told_with_the_nearest(tmp_path: Path) -> None:
    files = _files(tmp_path, _small_x3d("1.0", catalogue_name="x3d_xss"))
    result = CliRunner().invoke(app, ["claims", *files, "--records", str(tmp_path / "r.jsonl")])
    assert "x3d_xss: unknown model 'x3d_xss'; did you mean 'x3d_xs'" in result.stderr


def test_source_verdict_and_model_select(tmp_path: Path) -> None:
    rows = (
        _small_x3d("0.0984"),
        _small_x3d("0.1968", source_id="OTHER"),
        _small_x3d("0.135", model="X3D again"),
    )
    files = _files(tmp_path, *rows)
    assert list(_run([*files, "--source", "OTHER"], tmp_path)) == ["0.1968 G multiply-adds of X3D"]
    assert list(_run([*files, "--model", "X3D again"], tmp_path)) == ["0.135 G multiply-adds of X3D again"]
    assert len(_run([*files, "--model", "x3d_xs"], tmp_path)) == 3
    assert list(_run([*files, "--verdict", "does not hold"], tmp_path)) == [
        "0.135 G multiply-adds of X3D again"
    ]


@pytest.mark.parametrize(
    ("option", "name", "near"),
    [
        ("--source", "EPAM-TABLE2", "EPAM-TABLE1"),
        ("--verdict", "dose not hold", "does not hold"),
        ("--model", "x3d_n", "x3d_m"),
    ],
)
def test_a_name_that_selects_nothing_is_refused_before_counting(
    tmp_path: Path, option: str, name: str, near: str
) -> None:
    arguments = ["claims", option, name, "--records", str(tmp_path / "r.jsonl")]
    with pytest.raises(UnknownNameError, match=near):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert not (tmp_path / "r.jsonl").exists()


def test_a_malformed_file_of_claims_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"n\.csv, line 2: field 'value'"):
        CliRunner().invoke(app, ["claims", *_files(tmp_path, _small_x3d("many"))], catch_exceptions=False)


def test_sources_are_listed_without_counting(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["claims", "--list-sources", "--records", str(tmp_path / "r.jsonl"), "-f", "csv"]
    )
    assert result.exit_code == 0, result.output
    assert "EPAM-TABLE1" in result.stdout
    assert len(result.stdout.splitlines()) > 12
    assert not (tmp_path / "r.jsonl").exists()


def test_records_are_judged_without_counting(tmp_path: Path) -> None:
    files = _files(tmp_path, _small_x3d("0.0984"))
    _run(files, tmp_path)
    size = (tmp_path / "r.jsonl").stat().st_size
    judged = _run([*files, "--from", str(tmp_path / "r.jsonl")], tmp_path)
    assert [row["verdict"] for row in judged.values()] == ["holds"]
    assert (tmp_path / "r.jsonl").stat().st_size == size
