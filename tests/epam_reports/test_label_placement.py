"""Labels keep off each other, off the points and inside the axes."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from epam_reports.label_placement import Label, place_labels


def _placed(places: Sequence[tuple[float, float]], *, size: tuple[float, float]) -> tuple[list[Bbox], Axes]:
    """Boxes of the texts alone, in the labels' order."""
    figure = Figure(figsize=size)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    labels = [Label(f"model {index}", x, y, "black") for index, (x, y) in enumerate(places)]
    canvas.draw()
    renderer = canvas.get_renderer()
    place_labels(axes, labels, renderer=renderer)
    texts = [child for child in axes.get_children() if isinstance(child, Annotation)]
    assert [text.get_text() for text in texts] == [label.text for label in labels]
    canvas.draw()
    return [Text.get_window_extent(text, renderer) for text in texts], axes


def test_labels_of_crowded_points_do_not_overlap() -> None:
    boxes, axes = _placed([(5.0, 5.0), (5.2, 5.1), (5.4, 4.9), (9.8, 9.8), (0.1, 0.1)], size=(6, 5))
    assert not any(one.overlaps(other) for index, one in enumerate(boxes) for other in boxes[:index])
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)


def test_forty_models_half_of_them_in_one_corner_keep_their_labels_apart() -> None:
    draw = Random(1)
    far = [(draw.uniform(0.5, 9.5), draw.uniform(0.5, 9.5)) for _ in range(20)]
    near = [(draw.uniform(6.0, 8.0), draw.uniform(6.0, 8.0)) for _ in range(20)]
    places = far + near
    boxes, axes = _placed(places, size=(11, 8.2))
    assert not any(one.overlaps(other) for index, one in enumerate(boxes) for other in boxes[:index])
    points = [axes.transData.transform(place) for place in places]
    assert not any(box.contains(*point) for box in boxes for point in points)
    assert all(axes.bbox.contains(box.x0, box.y0) and axes.bbox.contains(box.x1, box.y1) for box in boxes)


def test_same_points_get_the_same_places() -> None:
    places = [(5.0, 5.0), (5.1, 5.0), (5.0, 5.1), (5.1, 5.1)]
    once, again = (_placed(places, size=(4, 3))[0] for _ in range(2))
    assert [box.bounds for box in once] == [box.bounds for box in again]


def test_lone_label_stands_near_without_a_line() -> None:
    figure = Figure(figsize=(4, 3))
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    canvas.draw()
    place_labels(axes, [], renderer=canvas.get_renderer())
    place_labels(axes, [Label("alone", 0.5, 0.5, "black")], renderer=canvas.get_renderer())
    (text,) = [child for child in axes.get_children() if isinstance(child, Annotation)]
    assert text.arrow_patch is None


def test_dollar_signs_in_a_title_are_not_mathematics() -> None:
    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    canvas.draw()
    place_labels(axes, [Label(r"$\broken{", 0.5, 0.5, "black")], renderer=canvas.get_renderer())
    canvas.draw()
