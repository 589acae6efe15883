from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from epam_bench.records import LatencyRecord, ModelCard, OperationTime, RooflineRecord
from epam_reports.figures import PNG_DPI, render
from epam_reports.roofline_figure import BARS, FIGURE_NAME, _group, roofline_figure

Roofline = Callable[..., RooflineRecord]


def operation(name: str, time_ms: float, shape: str, macs: int, moved: int = 10**7) -> dict[str, Any]:
    kind = "convolution" if "∗" in shape else "elementwise"
    fields = {"operation": name, "kind": kind, "shape": shape, "calls": 1, "macs": macs, "bytes": moved}
    return fields | {"time_ms": time_ms, "bound": "compute", "bound_ms": time_ms / 2}


DENSE, DEPTHWISE = "16×24×56×56 ∗ 54×24×1×1", "16×54×56×56 ∗ 54×1×3×3 /2"


@pytest.fixture
def roofline(card: Callable[..., ModelCard], latency: Callable[..., LatencyRecord]) -> Roofline:
    def build(operations: list[dict[str, Any]], **changes: Any) -> RooflineRecord:
        fields: dict[str, Any] = {
            "created": latency().created,
            "model": card("epam_net"),
            "environment": latency().environment,
            "device": "cpu",
            "precision": "fp32",
            "batch_size": 1,
            "backend": "fused",
            "threads": 2,
            "peaks": {
                "gflops_per_second": 200.0,
                "memory_gigabytes_per_second": 20.0,
                "cache_gigabytes_per_second": 80.0,
                "launch_microseconds": 0.6,
            },
            "operations": operations,
            "whole_ms": [50.0],
            "passes": 3,
        }
        return RooflineRecord.model_validate(fields | changes)

    return build


MANY = [
    operation("convolution", 30.0, DENSE, 10**9),
    operation("convolution", 9.0, DEPTHWISE, 10**7),
    *(operation("silu", 1.0 / number, f"16×{number}", 0) for number in range(1, 20)),
]


def texts(record: RooflineRecord) -> list[str]:
    axes = roofline_figure(record).figure.axes
    drawn = [text.get_text() for panel in axes for text in panel.texts]
    return [*drawn, *(label.get_text() for label in axes[1].get_yticklabels())]


def test_roofs_are_named_points_numbered_as_their_bars_and_the_rest_is_one_bar(roofline: Roofline) -> None:
    said = texts(roofline(MANY))
    assert {"memory 20 GB/s", "cache 80 GB/s", " compute 200 GFLOP/s", "1", "2"} <= set(said)
    assert f"convolution {DENSE}   1" in said
    assert f"{len(MANY) - BARS} further operations" in said


def test_names_of_bars_keep_off_the_other_plot_in_print(roofline: Roofline) -> None:
    long = [operation("Convolution", 1.0, f"{48 + n}×216×14×14 ∗ 96×216×1×1", 10**6) for n in range(9)]
    figure = roofline_figure(roofline(long)).figure
    figure.set_dpi(PNG_DPI)
    figure.canvas.draw()
    left, right = figure.axes
    assert min(name.get_window_extent().x0 for name in right.get_yticklabels()) > left.bbox.x1


def test_times_of_a_small_network_have_their_digits_and_end_within_the_picture(roofline: Roofline) -> None:
    figure = roofline_figure(roofline([operation("convolution", 0.137, DENSE, 10**6)])).figure
    figure.set_dpi(PNG_DPI)
    figure.canvas.draw()
    (said,) = figure.axes[1].texts
    assert said.get_text() == " 0.14 ms, compute"
    assert said.get_window_extent().x1 < figure.bbox.x1


def test_a_point_is_at_its_rate_and_intensity(roofline: Roofline) -> None:
    left = roofline_figure(roofline([operation("convolution", 10.0, DENSE, 10**9)])).figure.axes[0]
    ((x, y),) = left.collections[0].get_offsets().tolist()
    # 2 · 10⁹ FLOPs over 10⁷ bytes, in 10 ms.
    assert (x, y) == (pytest.approx(200.0), pytest.approx(200.0))


@pytest.mark.parametrize(
    ("shape", "group"),
    [
        (DENSE, "convolution"),
        (DEPTHWISE, "depthwise"),
        ("16×54×56×56 ∗ 54×1×1×3×3", "depthwise"),
        # One channel in all: a dense convolution.
        ("16×1×56×56 ∗ 54×1×3×3", "convolution"),
    ],
)
def test_a_depthwise_convolution_is_told_by_its_weight(shape: str, group: str) -> None:
    assert _group(OperationTime.model_validate(operation("convolution", 1.0, shape, 1))) == group


@pytest.mark.parametrize(
    "operations",
    [
        [operation("silu", 1.0, "8", 0)],
        [operation("convolution", 0.0, DENSE, 10**9)],
        [operation("convolution", 1e-6, DENSE, 1, 1)],
    ],
)
def test_odd_records_are_drawn_too(roofline: Roofline, operations: list[dict[str, Any]]) -> None:
    drawing = roofline_figure(roofline(operations))
    assert render(drawing, "svg").startswith(b"<?xml")


def test_files_have_names_of_their_own_and_the_same_bytes_for_the_same_record(roofline: Roofline) -> None:
    one, other = roofline(MANY[:1]), roofline(MANY[:1], backend="eager")
    names = {roofline_figure(record).name for record in (one, other)}
    assert len(names) == 2
    assert all(FIGURE_NAME.fullmatch(name) for name in names)
    assert render(roofline_figure(one), "svg") == render(roofline_figure(one), "svg")
