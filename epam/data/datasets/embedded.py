"""The embedded data set: twelve drawn actions of three kinds, with NTU's names and rules."""

from __future__ import annotations

from epam.data.datasets.ntu import parse_name_60 as parse_ntu_name
from epam.data.datasets.ntu import part_by_camera, part_by_performer
from epam.data.datasets.protocol import Dataset, Part, Protocol, SampleName
from epam.errors import AnnotationError

NUM_CLASSES = 12

CLASS_GROUPS = {"movement": (0, 1, 2, 3), "object": (4, 5, 6, 7), "order": (8, 9, 10, 11)}
"""What tells the classes of a group apart: how limbs move, what the hand holds, which way time runs."""


def parse_name(sample: str) -> SampleName:
    """Read a name of NTU's grammar with one of the twelve actions.

    Raises:
        AnnotationError: it isn't such a name, or names an action beyond A012.
    """
    name = parse_ntu_name(sample)
    if name.label is not None and name.label >= NUM_CLASSES:
        raise AnnotationError(
            f"sample {sample!r}: A{name.label + 1:03} is not in the embedded data set, 1 to {NUM_CLASSES} are"
        )
    return name


def _part_by_performer(sample: str) -> Part:
    return part_by_performer(parse_name(sample).sample)


def _part_by_camera(sample: str) -> Part:
    return part_by_camera(parse_name(sample).sample)


EMBEDDED = Dataset(
    name="embedded",
    title="Embedded (drawn)",
    source="drawn by epam-data synth; its classes are this project's",
    parse_name=parse_name,
    video_endings=("_rgb.mp4",),
    protocols=(
        Protocol(
            name="xsub",
            title="X-Sub",
            num_classes=NUM_CLASSES,
            class_file="embedded.txt",
            split_names={"train": ("xsub_train",), "test": ("xsub_test", "xsub_val")},
            part_rule=_part_by_performer,
            class_groups=CLASS_GROUPS,
            source="NTU RGB+D's rule",
        ),
        Protocol(
            name="xview",
            title="X-View",
            num_classes=NUM_CLASSES,
            class_file="embedded.txt",
            split_names={"train": ("xview_train",), "test": ("xview_test", "xview_val")},
            part_rule=_part_by_camera,
            class_groups=CLASS_GROUPS,
            source="NTU RGB+D's rule",
        ),
    ),
)
