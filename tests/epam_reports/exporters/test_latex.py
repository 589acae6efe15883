"""LaTeX is balanced, escaped, and compiles where a TeX is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from epam_bench.records import CountRecord, LatencyRecord
from epam_reports.claims import judge_claims
from epam_reports.exporters import to_latex
from epam_reports.exporters.latex import escape
from epam_reports.table import Table
from epam_reports.tables import (
    accuracy_table,
    claims_table,
    counters_table,
    efficiency_table,
    latency_table,
)

HOSTILE = '50% & #1 $x_1^2$ {~} \\input{/etc/passwd} π × é 漢 \x07 |<>"'

LONG = "operations that no counter has a rule for, " * 12


@pytest.fixture
def tables(count: Callable[..., CountRecord], latency: Callable[..., LatencyRecord]) -> list[Table]:
    records = [
        count(title=HOSTILE, caveats=(HOSTILE,)),
        *(count("c3d", inputs={"rgb": (3, 16, size, size)}, uncounted={LONG: size}) for size in range(1, 21)),
        count(title=HOSTILE, gmacs=8.0, counter="fvcore"),
        latency(title=HOSTILE),
        count("timesformer", 195.8),
    ]
    return [
        efficiency_table(records),
        claims_table(judge_claims(records)),
        counters_table(records),
        latency_table(records),
        accuracy_table(),
    ]


def test_special_signs_are_escaped() -> None:
    assert escape("50% & a_b") == r"50\% \& a\_b"
    assert escape("\\input{x}") == r"\textbackslash{}input\{x\}"
    assert escape("8 × π") == r"8 $\times$ $\pi$"
    assert escape("é") == "é"
    assert escape("漢") == "[U+6F22]"
    assert escape("a\nb") == "a b"


def test_braces_environments_and_columns_balance(tables: list[Table]) -> None:
    for table in tables:
        text = to_latex(table)
        bare = re.sub(r"\\[{}]", "", text)
        assert bare.count("{") == bare.count("}")
        assert re.findall(r"\\begin\{(\w+\*?)\}", text).count("tabular") == 1
        assert sorted(re.findall(r"\\begin\{(\w+)", text)) == sorted(re.findall(r"\\end\{(\w+)", text))
        rows = [line for line in text.splitlines() if line.endswith(r" \\")]
        assert {re.sub(r"\\&", "", row).count("&") for row in rows} == {len(table.columns) - 1}


def test_quoted_figures_are_italic_and_measured_ones_set_by_siunitx(tables: list[Table]) -> None:
    text = to_latex(tables[0])
    assert r"\num{7.62}" in text
    assert r"\textit{96.1}\textsuperscript{\textdagger}" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX installed")
def test_every_table_compiles(tables: list[Table], tmp_path: Path) -> None:
    packages = r"\usepackage[utf8]{inputenc}\usepackage[T1]{fontenc}\usepackage{booktabs,siunitx,graphicx}"
    body = "\n\\clearpage\n".join(to_latex(table) for table in tables)
    document = f"\\documentclass{{article}}{packages}\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (tmp_path / "t.tex").write_text(document, encoding="utf-8")
    command = [
        "pdflatex",
        "-interaction=nonstopmode",
        "-halt-on-error",
        "-no-shell-escape",
        "-draftmode",
        "t.tex",
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert run.returncode == 0, run.stdout[-2000:]
    assert "Float too large" not in run.stdout
    assert "Overfull" not in run.stdout


def test_notes_stand_outside_the_float_so_that_they_may_break_across_pages(tables: list[Table]) -> None:
    inside, _, after = to_latex(tables[2]).partition(r"\end{table*}")
    assert "has no rule for" not in inside
    assert after.count(r"\par \textsuperscript") >= 20
