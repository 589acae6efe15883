"""LaTeX is well formed by a check of our own, and compiles where a TeX is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from epam_bench.records import AccuracyRecord, CountRecord, LatencyRecord
from epam_reports.claims import judge_claims
from epam_reports.exporters import to_latex
from epam_reports.exporters.latex import PACKAGES, escape
from epam_reports.protocols import PAPER_DATA_SETS
from epam_reports.table import Column, Table
from epam_reports.tables import (
    accuracy_table,
    best_backends_table,
    claims_table,
    counters_table,
    data_set_table,
    efficiency_table,
    latency_table,
    memory_table,
    printed_costs_table,
    speed_table,
)

HOSTILE = '50% & #1 $x_1^2$ {~} \\input{/etc/passwd} π × é 漢 \x07 |<>" [2pt] *'

LONG = "operations that no counter has a rule for, " * 12

KNOWN_COMMANDS = {
    # LaTeX itself
    *("begin", "end", "centering", "caption", "label", "textwidth", "textit", "textsuperscript", "ref"),
    *("linewidth", "textheight", "shortstack", "raggedright", "allowbreak"),
    *("begingroup", "endgroup", "scriptsize", "sloppy", "setlength", "parindent", "par", "char"),
    *("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar"),
    *("textdagger", "ldots", "times", "pm", "neq", "leq", "geq", "rightarrow", "cdot", "pi", "mu", "infty"),
    # booktabs, graphicx, siunitx
    *("toprule", "midrule", "bottomrule", "resizebox", "rotatebox", "num"),
    # array, which siunitx brings
    "arraybackslash",
}
"""All that the exporter may use: what else stands in a document would have to be defined somewhere."""


@pytest.fixture
def tables(
    count: Callable[..., CountRecord],
    latency: Callable[..., LatencyRecord],
    interleaved: Callable[..., LatencyRecord],
    accuracy: Callable[..., AccuracyRecord],
) -> list[Table]:
    records = [
        count(title=HOSTILE, caveats=(HOSTILE,), notes=(HOSTILE,)),
        *(count("c3d", inputs={"rgb": (3, 16, size, size)}, uncounted={LONG: size}) for size in range(1, 41)),
        count(title=HOSTILE, gmacs=8.0, counter="fvcore"),
        count("s3d", 0.0),
        count("s3d", 18.0, counter="thop"),
        latency(title=HOSTILE),
        latency("c3d", title="[2pt] starts like an option"),
        interleaved(title=HOSTILE, backend="openvino", backend_notes=(HOSTILE,)),
        count("timesformer", 195.8),
        accuracy(),
    ]
    return [
        efficiency_table(records),
        claims_table(judge_claims(records)),
        counters_table(records),
        latency_table(records),
        speed_table(records),
        best_backends_table(records),
        memory_table(records),
        accuracy_table(records),
        printed_costs_table(records),
        *(data_set_table(records, dataset) for dataset in PAPER_DATA_SETS),
    ]


_TOKENS = re.compile(
    r"\\(?:begin|end)\{[a-z]+\*?\}"  # an environment's bounds
    r"|\\[a-zA-Z]+"  # a command
    r"|\\."  # an escaped sign, or the end of a row
    r"|[{}$&%#_^~]"  # what TeX reads specially
    r"|[^\\{}$&%#_^~]+",
    re.DOTALL,
)


def check_structure(text: str) -> None:
    """Raise unless braces and environments nest, no special sign is bare, and every row has its cells.

    No TeX, but it reads sign by sign as TeX does, and finds what would stop one.
    """
    comment, _, body = text.partition("\n")
    assert comment.startswith("% needs ")
    # The one comment sign in the body, which swallows the end of its line.
    body = body.replace("{!}{%\n", "{!}{")
    open_groups: list[str] = []
    widths: list[int] = []
    ends, in_maths = 0, False
    for token in _TOKENS.findall(body):
        if token.startswith(r"\begin{"):
            open_groups.append(token[len(r"\begin") :])
        elif token.startswith(r"\end{"):
            assert open_groups.pop() == token[len(r"\end") :], token
        elif token == "{":
            open_groups.append(token)
        elif token == "}":
            assert open_groups.pop() == "{", "a brace closes what it did not open"
        elif token == "$":
            in_maths = not in_maths
        elif token == r"\\":
            # Within a cell it ends a line of a stacked header.
            if open_groups[-1] == "{tabular}":
                widths.append(ends + 1)
                ends = 0
        elif token == "&":
            assert "{tabular}" in open_groups, "a cell ends outside a table"
            ends += 1
        elif token in {"%", "#", "_", "^"}:
            pytest.fail(f"{token} stands bare")
        elif token.startswith("\\") and token[1].isalpha():
            assert token[1:] in KNOWN_COMMANDS, token
        elif not token.startswith("\\") and token != "~":
            assert all(sign.isascii() or "\u00c0" <= sign <= "\u017e" for sign in token), token
    assert open_groups == []
    assert not in_maths
    specs = re.findall(r"\\begin\{tabular\}\{@\{\}(.*)@\{\}\}", body)
    wrapped = r">\{\\raggedright\\arraybackslash\}p\{\d+pt\}"
    columns = {len(re.findall(rf"{wrapped}|[lr]", spec)) for spec in specs}
    assert set(widths) == columns, "a row has other cells than its table has columns"
    assert not re.search(r"(?:\\\\|rule)\s*[\[(*]", body), "a bracket would be taken for an option"
    for number in re.findall(r"\\num\{([^}]*)\}", body):
        assert re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", number), number


def test_special_signs_are_escaped() -> None:
    assert escape("50% & a_b") == r"50\% \& a\_b"
    assert escape("\\input{x}") == r"\textbackslash{}input\{x\}"
    assert escape("8 × π") == r"8 $\times$ $\pi$"
    assert escape("é") == "é"
    assert escape("漢") == "[U+6F22]"
    assert escape("a\nb") == "a b"


def test_every_table_is_well_formed(tables: list[Table]) -> None:
    for table in tables:
        check_structure(to_latex(table))


@pytest.mark.parametrize(
    "broken",
    [
        r"\textit{open",
        r"close}",
        r"\begin{table*}",
        r"100% of it",
        r"a_b",
        r"\undefined{x}",
        r"$odd",
        r"\begin{tabular}{@{}lr@{}}" + "\na & b & c \\\\\n" + r"\end{tabular}",
        r"\begin{tabular}{@{}lr@{}}" + "\na & b \\\\\n[x & y \\\\\n" + r"\end{tabular}",
        r"\num{inf}",
        "漢",
    ],
)
def test_our_check_finds_what_would_stop_a_tex(broken: str) -> None:
    with pytest.raises((AssertionError, IndexError, pytest.fail.Exception)):
        check_structure(f"% needs nothing\n{broken}\n")


def test_bracket_at_the_start_of_a_row_is_no_option() -> None:
    table = Table(
        name="t",
        title="T",
        caption="",
        frame=pd.DataFrame({"name": ["[2pt] a", "*b", "(c"], "x": [1.0, 2.0, float("inf")]}),
        columns=(Column(key="name", header="[h]"), Column(key="x", header="x", decimals=1)),
    )
    text = to_latex(table)
    assert [line[:4] for line in text.splitlines() if line.endswith(r" \\")] == [
        "{}[h",
        "{}[2",
        "{}*b",
        "{}(c",
    ]
    assert r"\num{inf}" not in text
    check_structure(text)


def _plain(rows: int, columns: int, words: str) -> Table:
    frame = pd.DataFrame({f"c{index}": [words] * rows for index in range(columns)})
    names = tuple(Column(key=str(name), header=f"Header of {name}") for name in frame.columns)
    return Table(name="t", title="T", caption="Of it.", frame=frame, columns=names)


def test_long_table_becomes_several_with_their_headers_one_label_and_one_list_of_notes(
    tables: list[Table],
) -> None:
    text = to_latex(_plain(100, 2, "word"))
    parts = text.count(r"\begin{table*}")
    assert parts == text.count(r"\toprule") > 2
    assert f"Part {parts} of {parts}." in text
    assert text.count(r"\label{tab:t}") == 1
    assert text.count("word & word") == 100
    (counters,) = [table for table in tables if table.name == "counters"]
    assert to_latex(counters).count("Notes to Table") == 1
    assert "Part 1" not in to_latex(_plain(10, 2, "word"))


def test_narrow_table_is_set_as_it_is_a_wide_one_scaled_a_wider_one_on_its_side() -> None:
    narrow, wide, wider = (to_latex(_plain(3, columns, "word")) for columns in (3, 10, 14))
    assert [r"\resizebox" in text for text in (narrow, wide, wider)] == [False, True, True]
    assert [r"\rotatebox{90}" in text for text in (narrow, wide, wider)] == [False, False, True]
    for text in (narrow, wide, wider):
        check_structure(text)


def test_words_too_long_for_a_column_are_wrapped_and_paths_may_break() -> None:
    text = to_latex(_plain(2, 2, "configs/skeleton/posec3d/README.md, NTU60_XSub"))
    assert r">{\raggedright\arraybackslash}p{115pt}" in text
    assert r"configs/\allowbreak{}skeleton/\allowbreak{}posec3d" in text
    check_structure(text)


def test_quoted_figures_are_italic_and_measured_ones_set_by_siunitx(tables: list[Table]) -> None:
    text = to_latex(tables[0])
    assert r"\num{7.62}" in text
    assert r"\textit{96.1}\textsuperscript{\textdagger}" in text


def test_warning_stands_behind_the_figure(tables: list[Table]) -> None:
    assert r"\textit{590.0}\textsuperscript{\textdagger}$\neq$\textsuperscript{" in to_latex(tables[0])


def test_notes_stand_outside_the_float_so_that_they_may_break_across_pages(tables: list[Table]) -> None:
    inside, _, after = to_latex(tables[2]).rpartition(r"\end{table*}")
    assert "has no rule for" not in inside
    assert after.count(r"\par \textsuperscript") >= 20


ENGINES: dict[str, tuple[str, ...]] = {
    "pdflatex": ("-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"),
    "tectonic": ("--untrusted", "--print"),
    "xelatex": ("-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"),
    "lualatex": ("-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"),
}


def test_every_table_compiles(tables: list[Table], tmp_path: Path) -> None:
    engine = next((engine for engine in ENGINES if shutil.which(engine)), None)
    if engine is None:
        pytest.skip(f"none of {', '.join(ENGINES)} is installed: the LaTeX was checked, but not compiled")
    body = "\n\\clearpage\n".join(to_latex(table) for table in tables)
    document = f"\\documentclass{{article}}\\usepackage{{{','.join(PACKAGES)}}}\\begin{{document}}\n{body}"
    (tmp_path / "t.tex").write_text(document + "\n\\end{document}\n", encoding="utf-8")
    command = [engine, *ENGINES[engine], "t.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert (tmp_path / "t.pdf").stat().st_size > 10_000
    assert "Float too large" not in run.stdout
    assert "Overfull" not in run.stdout
