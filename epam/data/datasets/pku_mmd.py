"""PKU-MMD (phase 1): names, splitting rules, counts, and where long videos are cut into clips."""

from __future__ import annotations

import re

from epam.data.datasets.protocol import Dataset, Part, Protocol, SampleName
from epam.errors import AnnotationError, printable

NUM_CLASSES = 51

VIEWS = "LMR"
"""Left, middle, right; MMNet's names number them 1, 2, 3."""

TEST_RECORDINGS = range(291, 335)
"""X-Sub's, in all three views (from MMNet's validation labels, made from the data set's own lists)."""

TEST_VIEW = "M"
"""X-View's, by the list that is shipped: line 2 of ``cross-view.txt`` has no M video.

The data set's paper is usually quoted with L for the test; the list disagrees and is followed.
"""

_FIRST_RECORDING, _LAST_RECORDING = 2, 364
_CLIP_NAME = re.compile(r"(\d{4})-([LMR])-A(\d{2})-N(\d{2,3})", re.ASCII)
_MMNET_NAME = re.compile(r"F(\d{3})V(\d{3})C(\d{3})L(\d{3})", re.ASCII)


def parse_name(sample: str) -> SampleName:
    """Read a clip's name: ``NNNN-V-Aaa-Nnn`` (recording, view, action, order) or MMNet's.

    The camera is 1, 2 or 3 for the views L, M and R.

    >>> parse_name("0291-M-A23-N04").label
    22
    >>> parse_name("F291V002C023L004").recording
    291

    Raises:
        AnnotationError: it is neither, or a number is beyond the data set's.
    """
    if match := _CLIP_NAME.fullmatch(sample):
        recording, view, action, order = match.groups()
        camera = VIEWS.index(view) + 1
    elif match := _MMNET_NAME.fullmatch(sample):
        recording, view, action, order = match.groups()
        camera = int(view)
    else:
        raise AnnotationError(
            f"sample {printable(sample)!r} is not named as PKU-MMD's clips are, "
            "like 0002-L-A23-N01 or F002V001C023L001"
        )
    _check_number(sample, "recording", int(recording), _FIRST_RECORDING, _LAST_RECORDING)
    _check_number(sample, "view", camera, 1, len(VIEWS))
    _check_number(sample, "action", int(action), 1, NUM_CLASSES)
    return SampleName(
        sample=sample,
        label=int(action) - 1,
        camera=camera,
        recording=int(recording),
        order=int(order),
    )


def _check_number(sample: str, what: str, number: int, first: int, last: int) -> None:
    if not first <= number <= last:
        raise AnnotationError(f"sample {sample!r}: {what} {number} is not in PKU-MMD, {first} to {last} are")


def part_by_recording(sample: str) -> Part:
    """X-Sub: recordings 291 to 334 test, the others train."""
    return "test" if parse_name(sample).recording in TEST_RECORDINGS else "train"


def part_by_view(sample: str) -> Part:
    """X-View: the middle view tests, left and right train."""
    return "test" if parse_name(sample).camera == VIEWS.index(TEST_VIEW) + 1 else "train"


_SOURCE = "MMNet's validation labels, made from the data set's own split files; their test clips counted"

PKU_MMD = Dataset(
    name="pku_mmd",
    title="PKU-MMD (phase 1)",
    source="Liu et al., 2017; class list: the data set's own action ids 1 to 51, less one",
    parse_name=parse_name,
    video_endings=(".mp4", ".avi"),
    protocols=(
        Protocol(
            name="xsub",
            title="X-Sub",
            num_classes=NUM_CLASSES,
            class_file="pku_mmd.txt",
            split_names={"train": ("xsub_train",), "test": ("xsub_test", "xsub_val")},
            part_rule=part_by_recording,
            expected_counts={"test": 2_704},
            source=_SOURCE,
        ),
        Protocol(
            name="xview",
            title="X-View",
            num_classes=NUM_CLASSES,
            class_file="pku_mmd.txt",
            split_names={"train": ("xview_train",), "test": ("xview_test", "xview_val")},
            part_rule=part_by_view,
            expected_counts={"test": 7_186},
            source=_SOURCE,
        ),
    ),
)
