"""PKU-MMD (phase 1): names, splitting rules, counts, and where long videos are cut into clips."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from epam.data.datasets.protocol import Dataset, Part, Protocol, SampleName
from epam.data.datasets.text_lines import read_lines
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

LONG_VIDEOS: dict[str, dict[Part, int]] = {
    "xsub": {"train": 944, "test": 132},
    "xview": {"train": 717, "test": 359},
}
"""How many of the 1,076 long videos each protocol puts in a part."""

_FIRST_RECORDING, _LAST_RECORDING = 2, 364
_LONGEST_NUMBER = 9
_LONG_VIDEO_NAME = re.compile(r"\d{4}-[LMR]", re.ASCII)
_CLIP_NAME = re.compile(r"(\d{4})-([LMR])-A(\d{2})-N(\d{2,3})", re.ASCII)
_MMNET_NAME = re.compile(r"F(\d{3})V(\d{3})C(\d{3})L\d{3}", re.ASCII)


def parse_name(sample: str) -> SampleName:
    """Read a clip's name: ``NNNN-V-Aaa-Nnn`` (recording, view, action, order) or MMNet's.

    The camera is 1, 2 or 3 for the views L, M and R. MMNet's last number is described nowhere and
    not taken for the order.

    >>> parse_name("0291-M-A23-N04").label
    22
    >>> parse_name("F291V002C023L004").recording
    291

    Raises:
        AnnotationError: it is neither, or a number is beyond the data set's.
    """
    order: str | None
    if match := _CLIP_NAME.fullmatch(sample):
        recording, view, action, order = match.groups()
        camera = VIEWS.index(view) + 1
    elif match := _MMNET_NAME.fullmatch(sample):
        (recording, view, action), order = match.groups(), None
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
        order=None if order is None else int(order),
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


def long_video_of(sample: str) -> str:
    """The long video that a clip is cut from.

    >>> long_video_of("0291-M-A23-N04"), long_video_of("F291V002C023L004")
    ('0291-M', '0291-M')

    Raises:
        AnnotationError: it isn't a clip's name.
    """
    name = parse_name(sample)
    assert name.recording is not None
    assert name.camera is not None
    return f"{name.recording:04}-{VIEWS[name.camera - 1]}"


class ActionSpan(NamedTuple):
    """A row of a label file: where in a long video an action is.

    Attributes:
        label: class index, from 0.
        first_frame: counted from 0.
        last_frame_inclusive: counted from 0; this frame belongs to the action.
    """

    label: int
    first_frame: int
    last_frame_inclusive: int


class ClipCut(NamedTuple):
    """A clip that is to be cut out of a long video; fields as in ``ActionSpan``."""

    name: str
    first_frame: int
    last_frame_inclusive: int
    label: int


def read_label_file(path: Path) -> tuple[ActionSpan, ...]:
    """Read a long video's labels, in the file's order: rows ``action,start,end,confidence``.

    The confidence is read over, as in the published cutter; it may be absent.

    Raises:
        AnnotationError: the file cannot be read or has no rows, or a row is malformed; names the line.
    """
    rows = [(number, line) for number, line in enumerate(read_lines(path), start=1) if line]
    if not rows:
        raise AnnotationError(f"{path}: has no rows; give 'action,start,end,confidence' for each action")
    return tuple(_parse_row(line, origin=f"{path}, line {number}") for number, line in rows)


def _parse_row(line: str, *, origin: str) -> ActionSpan:
    values = [value.strip() for value in line.rstrip(", \t").split(",")]
    whole = all(value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER for value in values[:3])
    if len(values) not in (3, 4) or not whole:
        raise AnnotationError(
            f"{origin}: {printable(line)!r} is not a row 'action,start,end,confidence' of whole numbers"
        )
    action, first, last = map(int, values[:3])
    if not 1 <= action <= NUM_CLASSES:
        raise AnnotationError(f"{origin}: action {action} is not in PKU-MMD, 1 to {NUM_CLASSES} are")
    if last < first:
        raise AnnotationError(f"{origin}: ends at frame {last}, before its start {first}; correct it")
    return ActionSpan(action - 1, first, last)


def plan_clips(video_name: str, spans: Iterable[ActionSpan]) -> tuple[ClipCut, ...]:
    """The clips of a long video, in the order of their starts, which also numbers them.

    Args:
        video_name: the long video's name, ``NNNN-V``.
        spans: its labels; they may overlap.

    Raises:
        AnnotationError: it isn't a long video's name.
    """
    _check_long_video(video_name, origin="video")
    in_order = sorted(spans, key=lambda span: span.first_frame)
    return tuple(
        ClipCut(
            f"{video_name}-A{span.label + 1:02}-N{order:02}",
            span.first_frame,
            span.last_frame_inclusive,
            span.label,
        )
        for order, span in enumerate(in_order, start=1)
    )


def read_split_file(path: Path) -> dict[Part, tuple[str, ...]]:
    """Read ``cross-subject.txt`` or ``cross-view.txt``: long videos by part, each once.

    A heading (``Training videos:``, ``Validataion videos:``, sic), then ids between commas, on one
    line or more; trailing commas and blanks occur. What is headed validation is the test part.

    Raises:
        AnnotationError: the file cannot be read, has no heading for a part or nothing under it, an
            id is malformed, or a video is in both parts; names the line.
    """
    parts: dict[Part, dict[str, None]] = {}
    current: dict[str, None] | None = None
    for number, line in enumerate(read_lines(path), start=1):
        heading, colon, rest = line.rpartition(":")
        if colon:
            part = _part_of_heading(heading, origin=f"{path}, line {number}")
            current = parts.setdefault(part, {})
        for video in filter(None, map(str.strip, rest.split(","))):
            if current is None:
                raise AnnotationError(f"{path}, line {number}: ids without a heading; {_HEADINGS}")
            _check_long_video(video, origin=f"{path}, line {number}")
            current[video] = None
    _check_parts(path, parts)
    return {part: tuple(videos) for part, videos in parts.items()}


_HEADINGS = "give 'Training videos:' and 'Validataion videos:', each before its ids"


def _part_of_heading(heading: str, *, origin: str) -> Part:
    folded = heading.casefold()
    if folded.startswith("train"):
        return "train"
    if folded.startswith(("valid", "test")):
        return "test"
    raise AnnotationError(f"{origin}: unknown heading {printable(heading)!r}; {_HEADINGS}")


def _check_parts(path: Path, parts: Mapping[Part, Mapping[str, None]]) -> None:
    headings: dict[Part, str] = {"train": "Training", "test": "Validataion"}
    for part, heading in headings.items():
        if not parts.get(part):
            raise AnnotationError(f"{path}: has no videos under '{heading} videos:'; {_HEADINGS}")
    both = sorted(set(parts["train"]) & set(parts["test"]))
    if both:
        raise AnnotationError(f"{path}: {both[0]} is in both parts ({len(both)} such videos); keep it in one")


def _check_long_video(video: str, *, origin: str) -> None:
    if _LONG_VIDEO_NAME.fullmatch(video) is None:
        raise AnnotationError(f"{origin}: {printable(video)!r} is not a long video's name, like 0002-L")
    _check_number(video, "recording", int(video[:4]), _FIRST_RECORDING, _LAST_RECORDING)


@dataclass(frozen=True)
class SplitFileRule:
    """A part rule by the data set's own split file, to be preferred to the rules by number and view.

    ::

        protocol = dataclasses.replace(protocol, part_rule=SplitFileRule.read(path))
    """

    part_of_video: Mapping[str, Part] = field(hash=False)

    @classmethod
    def read(cls, path: Path) -> SplitFileRule:
        """Read the file, see ``read_split_file``."""
        parts = read_split_file(path)
        return cls({video: part for part, videos in parts.items() for video in videos})

    def __call__(self, sample: str) -> Part:
        """The part of a clip.

        Raises:
            AnnotationError: it isn't a clip's name, or the file doesn't list its long video.
        """
        video = long_video_of(sample)
        if video not in self.part_of_video:
            raise AnnotationError(f"sample {sample!r}: the split file does not list its video {video}")
        return self.part_of_video[video]


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
