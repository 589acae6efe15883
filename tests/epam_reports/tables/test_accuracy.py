"""Published accuracies are all quoted, by protocol, with their views."""

from __future__ import annotations

from epam_reports.table import lay_out
from epam_reports.tables import accuracy_table


def test_everything_is_quoted_and_sourced() -> None:
    frame = accuracy_table().frame
    assert set(frame["accuracy_origin"]) == {"quoted"}
    assert frame["accuracy_source"].notna().all()


def test_best_stands_first_within_a_protocol() -> None:
    frame = accuracy_table().frame
    rows = frame[(frame["dataset"] == "NTU60") & (frame["split"] == "X-Sub")]
    assert rows["accuracy_percent"].is_monotonic_decreasing
    assert {"EPAM-Net", "pi-ViT", "VPN"} <= set(rows["model"])


def test_accuracy_is_printed_as_published() -> None:
    printed = {row[5].text for row in lay_out(accuracy_table()).rows}
    assert {"96.1", "75.15", "67.463"} <= printed


def test_unstated_views_say_so() -> None:
    layout = lay_out(accuracy_table())
    views = [row[layout.headers.index("Views")].text for row in layout.rows if row[2].text == "VPN"]
    assert set(views) == {"not stated"}
