"""PKU-MMD's long videos cut into clips, one for each action of their label files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from epam.atomic_file import write_atomically
from epam.data.annotations import Problem
from epam.data.data_root import get_video
from epam.data.datasets.pku_mmd import ClipCut, plan_clips, read_label_file
from epam.data.preparation.cropping import is_finished
from epam.data.preparation.frame_stream import VideoFacts, read_facts, stream_frames
from epam.data.preparation.video_encoding import VideoEncoder
from epam.errors import AnnotationError, InputError, VideoError

LONG_VIDEO_ENDINGS = (".avi", ".mp4")


def list_long_videos(labels: Path) -> list[str]:
    """Names of the long videos that have a label file ``NNNN-V.txt`` in a folder, sorted.

    Raises:
        InputError: no such folder, or no label file in it.
    """
    if not labels.is_dir():
        raise InputError(f"{labels}: no such folder of label files; check --labels")
    names = sorted(path.stem for path in labels.glob("*.txt"))
    if not names:
        raise InputError(f"{labels}: no label files; it should hold one like 0002-L.txt for each long video")
    return names


@dataclass(frozen=True, kw_only=True)
class LongVideoCutter:
    """Cuts the long video of a name; a job for workers.

    Attributes:
        labels: folder of the label files.
        videos: folder of the long videos.
        clips: folder that gets ``NNNN-V-Aaa-Nnn.mp4``.
    """

    labels: Path
    videos: Path
    clips: Path

    def __call__(self, name: str) -> tuple[Problem, ...]:
        """Cut one long video; returns what could not be cut.

        Raises:
            InputError: a clip cannot be written: a fault of the disk, not of this video.
        """
        try:
            cuts = plan_clips(name, read_label_file(self.labels / f"{name}.txt"))
            source = get_video(self.videos, name, LONG_VIDEO_ENDINGS)
            return cut_video(source, cuts, self.clips)
        except (AnnotationError, VideoError) as error:
            return (Problem(name, str(error)),)


def cut_video(source: Path, cuts: Sequence[ClipCut], folder: Path) -> tuple[Problem, ...]:
    """Write the clips of one video that are not there yet, in one pass over it.

    Frames are counted from 0 as they are decoded, and the last one of a cut belongs to it, as in
    the published cutter. Cuts may overlap.

    Returns:
        The clips that reach beyond the video's end.

    Raises:
        VideoError: the video is missing or damaged; clips that end before that are written.
        InputError: a clip cannot be written.
    """
    missing = [cut for cut in cuts if not _is_cut(cut, source, folder)]
    if not missing:
        return ()
    facts = read_facts(source)
    last = max(cut.last_frame_inclusive for cut in missing)
    started: dict[ClipCut, VideoEncoder] = {}
    count = 0
    with closing(stream_frames(source)) as frames:
        for number, frame in enumerate(frames):
            count = number + 1
            for cut in _cuts_at(missing, number):
                if cut not in started:
                    started[cut] = _encoder(facts, cut, source)
                started[cut].add(frame)
                if number == cut.last_frame_inclusive:
                    write_atomically(folder / f"{cut.name}.mp4", started.pop(cut).finish())
            if number >= last:
                break
    return tuple(
        Problem(
            cut.name,
            f"{source}: has {count} frames, clip {cut.name} ends at frame {cut.last_frame_inclusive}; "
            "the video is cut short, or the label file is another's",
        )
        for cut in missing
        if cut.last_frame_inclusive >= count
    )


def _cuts_at(cuts: Sequence[ClipCut], number: int) -> Iterator[ClipCut]:
    return (cut for cut in cuts if cut.first_frame <= number <= cut.last_frame_inclusive)


def _encoder(facts: VideoFacts, cut: ClipCut, source: Path) -> VideoEncoder:
    return VideoEncoder(
        source,
        width=facts.width,
        height=facts.height,
        frame_rate=facts.frame_rate,
        comment=_describe_cut(cut, source),
    )


def _is_cut(cut: ClipCut, source: Path, folder: Path) -> bool:
    frames = cut.last_frame_inclusive - cut.first_frame + 1
    return is_finished(folder / f"{cut.name}.mp4", frames=frames, comment=_describe_cut(cut, source))


def _describe_cut(cut: ClipCut, source: Path) -> str:
    return f"frames {cut.first_frame} to {cut.last_frame_inclusive} of {source.name}"
