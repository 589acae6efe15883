"""Figures show only what belongs on one axis, and the same records give the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from epam_bench.records import CountRecord, LatencyRecord
from epam_reports.figures import (
    CROWDED_PANEL,
    CROWDED_PLOT,
    macs_accuracy_figure,
    macs_latency_figure,
    plain_log_ticks,
    render,
)
from epam_reports.published import load_published

Count = Callable[..., CountRecord]
Latency = Callable[..., LatencyRecord]


def test_latency_figure_needs_a_model_with_both(count: Count, latency: Latency) -> None:
    assert macs_latency_figure([count("c3d"), latency("s3d")]) is None
    assert macs_latency_figure([count("c3d"), latency("c3d")]) is not None


def test_caption_names_setting_counter_machine_and_date(count: Count, latency: Latency) -> None:
    drawing = macs_latency_figure([count(), latency()])
    assert drawing is not None
    for part in ("cpu, fp32, batch 1, 2 threads", "counted by torch", "Test CPU", "2026-01-02"):
        assert part in drawing.caption


def test_both_axes_are_logarithmic_and_batches_are_whole(count: Count, latency: Latency) -> None:
    drawing = macs_latency_figure([count(), latency(batch_size=4)])
    assert drawing is not None
    (axes,) = drawing.figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "GMACs per batch of 4 clips"
    ((x,),) = [container.lines[0].get_xdata() for container in axes.containers]
    assert x == pytest.approx(4 * 7.618)


def test_data_sets_never_share_a_panel(count: Count) -> None:
    names = ("epam_net", "posec3d", "timesformer", "r3d_18")
    drawing = macs_accuracy_figure([count(name, 10.0) for name in names])
    assert drawing is not None
    titles = [axes.get_title() for axes in drawing.figure.axes]
    assert "NTU60 X-Sub (top-1)" in titles
    assert "Kinetics-400 val (top-1)" in titles
    assert len(set(titles)) == len(titles)


def test_accuracy_is_drawn_over_the_cost_of_its_views(count: Count) -> None:
    drawing = macs_accuracy_figure([count("r3d_18", 40.0), count("timesformer", 200.0)])
    assert drawing is not None
    (axes,) = drawing.figure.axes
    points = {(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if len(line.get_xdata())}
    assert points == {(5 * 40.0, 63.2), (3 * 200.0, 77.69)}


def test_what_cannot_be_drawn_is_named(count: Count) -> None:
    drawing = macs_accuracy_figure([count("r3d_18", 40.0), count("timesformer", 200.0), count("c3d", 38.5)])
    assert drawing is not None
    assert "pi-ViT (cost printed for 3 views" in drawing.caption
    assert "C3D alone on UCF101" in drawing.caption


def test_no_two_comparable_accuracies_give_no_figure(count: Count) -> None:
    assert macs_accuracy_figure([count("c3d", 38.5)]) is None


def test_png_is_small_and_svg_is_repeatable(count: Count, latency: Latency) -> None:
    records = [record for name in ("c3d", "s3d", "r3d_18") for record in (count(name), latency(name))]
    once, again = macs_latency_figure(records), macs_latency_figure(records)
    assert once is not None
    assert again is not None
    assert render(once, "svg") == render(again, "svg")
    png = render(once, "png")
    assert png.startswith(b"\x89PNG")
    assert len(png) < 300_000


def test_hostile_title_does_not_break_a_figure(count: Count, latency: Latency) -> None:
    title = "$\\frac{ --><script>\x07\n"
    drawing = macs_latency_figure([count(title=title), latency(title=title)])
    assert drawing is not None
    root = ElementTree.fromstring(render(drawing, "svg"))
    assert not [node for node in root.iter() if node.tag.endswith("script")]


def test_point_of_another_run_has_a_star(count: Count, latency: Latency) -> None:
    runs = {"c3d": "a", "s3d": "a", "r3d_18": "b"}
    records = [record for name, run in runs.items() for record in (count(name), latency(name, run=run))]
    drawing = macs_latency_figure(records)
    assert drawing is not None
    (axes,) = drawing.figure.axes
    texts = {text.get_text() for text in axes.texts}
    assert {"C3D", "S3D", "R3D-18 *"} <= texts
    assert "*: timed in another run" in drawing.caption


def test_model_timed_on_another_machine_is_not_drawn_but_named(count: Count, latency: Latency) -> None:
    elsewhere = latency("r3d_18", environment={"processor": "Other CPU"})
    drawing = macs_latency_figure([count("c3d"), latency("c3d"), latency("s3d"), count("r3d_18"), elsewhere])
    assert drawing is not None
    assert not [text for text in drawing.figure.axes[0].texts if "R3D-18" in text.get_text()]
    assert "another machine: R3D-18" in drawing.caption


@pytest.mark.parametrize(
    "samples_ms", [(1 / 3,) * 5, (0.1,) * 7, (5e-324,) * 3, (1e300, 1e308), (1e-5, 1e9), (3.0,)]
)
def test_odd_latencies_are_drawn(count: Count, latency: Latency, samples_ms: tuple[float, ...]) -> None:
    drawing = macs_latency_figure(
        [count(gmacs=1e-9), latency(samples_ms=samples_ms), count("c3d"), latency("c3d")]
    )
    assert drawing is not None
    assert render(drawing, "png").startswith(b"\x89PNG")


def test_picture_grows_with_its_models_and_still_names_each(count: Count, latency: Latency) -> None:
    def drawn(models: int) -> tuple[float, set[str]]:
        names = [f"model {index}" for index in range(models)]
        records = [
            record
            for index, name in enumerate(names)
            for record in (count(name, 1.0 + index), latency(name, (10.0 + 7 * index,)))
        ]
        drawing = macs_latency_figure(records)
        assert drawing is not None
        texts = {text.get_text() for text in drawing.figure.axes[0].texts}
        assert set(names) <= texts
        return drawing.figure.get_figwidth(), texts

    assert drawn(CROWDED_PLOT)[0] < drawn(CROWDED_PLOT + 1)[0]


def test_crowded_panel_is_wider_than_the_others(count: Count) -> None:
    kinetics = [number for number in load_published() if number.protocol == "Kinetics-400 val"]
    first = next(number for number in kinetics if number.metric == "top1")
    crowd = [
        first.model_copy(update={"catalogue_name": f"net{index}", "model": f"net{index}"})
        for index in range(CROWDED_PANEL + 1)
    ]
    records = [count(number.catalogue_name, 10.0, inputs={"rgb": first.shapes[0]}) for number in crowd]
    others = [count("epam_net"), count("posec3d", 20.0, inputs={"heatmaps": (17, 48, 64, 64)})]
    drawing = macs_accuracy_figure([*records, *others], [*load_published(), *crowd])
    assert drawing is not None
    widths = {axes.get_title(): axes.get_position().width for axes in drawing.figure.axes}
    assert widths["Kinetics-400 val (top-1)"] > 1.5 * widths["NTU60 X-Sub (top-1)"]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(182, 825, [200, 300, 400, 500, 700]), (3, 61, [5, 10, 20, 50]), (2, 2000, [3, 10, 30, 100, 300, 1000])],
)
def test_every_range_has_ticks_to_read_it_by(low: float, high: float, ticks: list[float]) -> None:
    axes = Figure().add_subplot()
    axes.set(xscale="log", xlim=(low, high))
    plain_log_ticks(axes.xaxis)
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == pytest.approx(ticks)
