"""Labels keep off each other, off the points and inside the axes."""

from __future__ import annotations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from epam_reports.label_placement import Label, place_labels


def test_labels_of_crowded_points_do_not_overlap() -> None:
    figure = Figure(figsize=(6, 5))
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    places = [(5.0, 5.0), (5.2, 5.1), (5.4, 4.9), (9.8, 9.8), (0.1, 0.1)]
    labels = [Label(f"model {index}", x, y, "black") for index, (x, y) in enumerate(places)]
    canvas.draw()
    place_labels(axes, labels, renderer=canvas.get_renderer())
    renderer = canvas.get_renderer()
    texts = [child for child in axes.get_children() if isinstance(child, Annotation)]
    boxes = [text.get_tightbbox(renderer) if text.arrow_patch is None else None for text in texts]
    known = [box for box in boxes if box is not None]
    assert [text.get_text() for text in texts] == [label.text for label in labels]
    assert not any(one.overlaps(other) for index, one in enumerate(known) for other in known[:index])
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in known)


def test_dollar_signs_in_a_title_are_not_mathematics() -> None:
    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    canvas.draw()
    place_labels(axes, [Label(r"$\broken{", 0.5, 0.5, "black")], renderer=canvas.get_renderer())
    canvas.draw()
