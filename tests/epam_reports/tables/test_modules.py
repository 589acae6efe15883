from __future__ import annotations

from epam_reports.tables.modules import modules_table


def test_modules_are_rows_and_counters_columns(count) -> None:
    torch = count("c3d", counter="torch", macs_by_module={"": 30, "conv": 30, "conv.a": 30})
    fvcore = count("c3d", counter="fvcore", macs_by_module={"": 32, "conv": 30, "norm": 2})
    frame = modules_table([torch, fvcore], depth=1).frame.set_index("module")
    assert list(frame.index) == ["(whole network)", "conv", "norm"]
    assert (1e9 * frame["torch_gmacs"]).round().tolist() == [30, 30, 0]
    assert (1e9 * frame["fvcore_gmacs"]).round().tolist() == [32, 30, 2]
    assert "conv.a" in modules_table([torch], depth=2).frame["module"].tolist()


def test_records_without_a_split_make_an_empty_table_that_says_why(count) -> None:
    table = modules_table([count("c3d", counter="thop")], depth=1)
    assert table.frame.empty
    assert "splits its count by module" in table.remarks[0]
