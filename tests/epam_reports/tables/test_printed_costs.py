"""The paper's own comparison, at equal views: 590.0 / 8.1 is three views against one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from epam_bench.records import CountRecord
from epam_reports.published import load_published
from epam_reports.table import lay_out, text_frame
from epam_reports.tables import printed_costs_table

Count = Callable[..., CountRecord]


def _rows(*records: CountRecord) -> dict[str, dict[str, str]]:
    frame = text_frame(printed_costs_table(records))
    rows = [{str(key): str(value) for key, value in row.items()} for row in frame.to_dict(orient="records")]
    return {row["Model"].partition("[")[0]: row for row in rows}


def test_every_row_of_the_papers_table_is_there_cheapest_first() -> None:
    rows = _rows()
    assert list(rows) == ["EPAM-Net", "TCEM-MMNet", "MMNet", "VPN", "VPN++", "pi-ViT"]
    assert rows["VPN"]["As printed (G)"].startswith("107.9†≠[")


def test_claimed_ratio_is_marked_and_one_view_against_one_stands_beside_it(count: Count) -> None:
    row = _rows(count(gmacs=8.1))["pi-ViT"]
    assert row["× EPAM-Net, printed"] == "72.8†≠"
    assert row["for views"] == "3"
    assert row["GMACs/view"] == "196.67†"
    assert row["× EPAM-Net, per view"] == "24.3†"


def test_ratio_of_views_rests_on_both_its_operands(count: Count) -> None:
    ours = count()
    table = printed_costs_table([ours])
    keys = [column.key for column in table.columns]
    cell = lay_out(table).rows[-1][keys.index("view_times_ours")]
    assert cell.evidence is not None
    assert cell.evidence.records == (ours,)
    assert [str(number.value) for number in cell.evidence.numbers] == ["590.0"]
    assert cell.evidence.working == "590.0 G / 3 over 7.62 G"


def test_cost_of_a_video_is_of_the_views_of_a_published_accuracy(count: Count) -> None:
    rows = _rows(count())
    assert (rows["EPAM-Net"]["GMACs/video"], rows["EPAM-Net"]["in views"]) == ("7.6", "1")
    assert rows["EPAM-Net"]["of its accuracy on"] == "NTU60 X-Sub"
    # Its README: 10 clips of 16 frames, each 392.066 G of the TimeSformer that it is at test time.
    pi_vit = rows["pi-ViT"]
    assert pi_vit["GMACs/video"].startswith("3920.7†[")
    assert (pi_vit["in views"], pi_vit["of its accuracy on"]) == ("10", "NTU60 X-Sub")


def test_unknown_views_stay_empty_with_the_reason() -> None:
    table = printed_costs_table(())
    keys = [column.key for column in table.columns]
    (row,) = [row for row in lay_out(table).rows if row[0].text == "MMNet"]
    cell = row[keys.index("view_gmacs")]
    assert cell.absent
    assert cell.evidence is not None
    assert "does not say how many views" in cell.evidence.missing
    assert row[keys.index("view_times_ours")].evidence is not None


def test_network_that_we_built_is_counted_at_the_printed_input(count: Count) -> None:
    numbers = [
        number.model_copy(update={"catalogue_name": "pi_vit"}) if number.model == "pi-ViT" else number
        for number in load_published()
    ]
    record = count("pi_vit", 200.0, title="pi-ViT", inputs={"rgb": (3, 8, 224, 224)}, notes=("our reading",))
    table = printed_costs_table([record, count()], numbers)
    (row,) = table.frame[table.frame["model"] == "pi-ViT"].to_dict(orient="records")
    assert (row["view_gmacs"], row["view_origin"]) == (pytest.approx(200.0), "measured")
    assert row["view_notes"] == "our reading"
    assert row["view_times_ours"] == pytest.approx(200.0 / 7.618)


def test_what_stands_in_for_a_network_is_counted_in_its_place_and_says_so(count: Count) -> None:
    vpn = count("vpn", 111.2, title="VPN (I3D)", inputs={"rgb": (3, 64, 224, 224)})
    table = printed_costs_table([vpn, count("timesformer", 195.8), count()])
    rows = {row["model"]: row for row in table.frame.to_dict(orient="records")}
    assert rows["VPN"]["view_gmacs"] == pytest.approx(111.2)
    assert rows["VPN"]["view_notes"] == (
        "VPN (I3D) counted in its place; at rgb 3×64×224×224: no input is printed"
    )
    assert rows["pi-ViT"]["view_gmacs"] == pytest.approx(195.8)
    assert rows["pi-ViT"]["view_times_ours"] == pytest.approx(195.8 / 7.618)
    assert rows["pi-ViT"]["view_notes"] == "TimeSformer counted in its place"
