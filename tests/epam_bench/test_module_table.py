from __future__ import annotations

from epam_bench.counters import COUNTERS
from epam_bench.counting import count_model
from epam_bench.module_table import module_tables


def test_modules_are_rows_and_counters_columns(tiny_spec) -> None:
    records = [count_model(tiny_spec(), COUNTERS[name], by_module=True) for name in ("torch", "fvcore")]
    (table,) = module_tables(records, depth=1)
    frame = table.frame.set_index("module")
    assert frame.loc["conv", "torch_gmacs"] == frame.loc["conv", "fvcore_gmacs"] == 2160e-9
    # fvcore counts the norm's 120 elements as well; torch's counter does not.
    assert frame.loc["norm", "torch_gmacs"] == 0
    assert frame.loc["norm", "fvcore_gmacs"] > 0


def test_records_without_a_split_make_no_table(tiny_spec) -> None:
    assert module_tables([count_model(tiny_spec(), COUNTERS["torch"])], depth=1) == []
