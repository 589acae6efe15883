from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from epam.data.synthetic.single_video import draw_video
from epam.errors import InputError, VideoError
from epam_inference.streaming import frame_source
from epam_inference.streaming.frame_source import (
    FileSource,
    FrameSource,
    LiveSource,
    StreamFrame,
    is_file,
    open_source,
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawn") / "drawn.mp4"
    draw_video(path, frame_count=12, size=(36, 64))
    return path


def collect(source: FrameSource, into: list[StreamFrame]) -> None:
    into.extend(source)


def write(path: Path | io.BytesIO, *, format_: str, codec: str, noise: int = 0, frames: int = 24) -> None:
    random = np.random.default_rng(0)
    with av.open(path if isinstance(path, io.BytesIO) else str(path), "w", format=format_) as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(frames):
            pixels = (number + random.integers(0, 1 + noise, (36, 64, 3))).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def test_a_file_without_pace_gives_all_its_frames_by_their_own_clock(drawn: Path) -> None:
    source = open_source(str(drawn), paced=False)
    assert (source.frames_per_second, source.size, source.keeps_time) == (30, (36, 64), False)
    found = list(source)
    assert [frame.number for frame in found] == list(range(12))
    assert [frame.seconds for frame in found] == pytest.approx([number / 30 for number in range(12)])
    assert found[3].to_rgb().shape == (36, 64, 3)


def test_a_paced_file_gives_no_frame_before_it_is_due(drawn: Path) -> None:
    start = time.monotonic()
    for frame in open_source(str(drawn)):
        assert time.monotonic() >= frame.captured >= start + frame.seconds
    assert time.monotonic() - start >= 11 / 30
    assert not open_source(str(drawn)).is_live


def test_stopping_ends_the_wait_for_a_frame(drawn: Path) -> None:
    source = FileSource(drawn, paced=True)
    source.stop()
    assert list(source) == []


def test_a_file_that_was_cut_short_gives_what_there_is_and_then_says_so(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.avi", tmp_path / "cut.avi"
    write(whole, format_="avi", codec="mpeg4", noise=200)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    assert len(list(FileSource(whole, paced=False))) == 24
    seen: list[StreamFrame] = []
    with pytest.raises(VideoError, match=r"cut.avi: \d+ of its frames are missing; the file is cut short"):
        collect(FileSource(cut, paced=False), seen)
    assert 0 < len(seen) < 24


def test_fewer_frames_than_the_annotation_has_are_told_at_the_end(drawn: Path) -> None:
    assert len(list(FileSource(drawn, paced=False, expected_frames=12))) == 12
    with pytest.raises(VideoError, match="12 frames can be decoded, its annotation says 13"):
        list(FileSource(drawn, paced=False, expected_frames=13))


@pytest.mark.parametrize(
    ("name", "file"), [("-", False), ("0", False), ("/dev/video7", False), ("clip.avi", True)]
)
def test_only_a_file_is_a_file(name: str, file: bool) -> None:
    assert is_file(name) is file


def test_a_missing_file_or_camera_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no such file"):
        open_source(str(tmp_path / "missing.mp4"))
    with pytest.raises(InputError, match=r"/dev/video97: cannot be opened as a camera|cameras are opened on"):
        open_source("97" if sys.platform == "linux" else "/dev/video97")


def test_on_other_systems_a_camera_comes_through_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_source.sys, "platform", "sunos5")
    with pytest.raises(InputError, match=r"send one to standard input, as ffmpeg"):
        open_source("0")


# ── Live ──


def camera(content: bytes, *, is_camera: bool = True, format_: str | None = None) -> LiveSource:
    return LiveSource(
        "0", "camera 0", lambda: av.open(io.BytesIO(content), format=format_), is_camera=is_camera
    )


@pytest.fixture(scope="module")
def matroska() -> bytes:
    content = io.BytesIO()
    write(content, format_="matroska", codec="mjpeg")
    return content.getvalue()


def test_a_camera_that_goes_away_is_told_after_its_frames(matroska: bytes) -> None:
    source = camera(matroska)
    assert (source.frames_per_second, source.size, source.keeps_time) == (24, (36, 64), True)
    assert source.is_live
    seen: list[StreamFrame] = []
    with pytest.raises(VideoError, match="camera 0: went away after 24 frames"):
        collect(source, seen)
    assert [frame.to_rgb().mean() for frame in seen] == pytest.approx(range(24), abs=2)
    # By the stream's clock, however fast it came.
    assert [frame.seconds for frame in seen] == pytest.approx([number / 24 for number in range(24)], abs=0.01)


def test_a_stream_that_may_end_ends_in_good_order(matroska: bytes) -> None:
    assert len(list(camera(matroska, is_camera=False))) == 24


def test_a_stream_of_which_no_frame_can_be_decoded_is_an_error(
    matroska: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = camera(matroska, is_camera=False)
    monkeypatch.setattr(source, "_decode", lambda: iter(()))
    with pytest.raises(VideoError, match="camera 0: ended without a frame that can be decoded"):
        list(source)


class Spoilt:
    """A packet that cannot be decoded."""

    def decode(self) -> list[av.VideoFrame]:
        raise av.InvalidDataError(1, "damaged")


def test_damaged_frames_of_a_live_stream_are_passed_over_and_counted(
    matroska: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = camera(matroska, is_camera=False)
    container = source._container

    class Line:
        __enter__ = __exit__ = lambda *_: None

        def demux(self, stream: object) -> list[object]:
            return [Spoilt(), *container.demux(video=0), Spoilt()]

    monkeypatch.setattr(source, "_container", Line())
    assert (len(list(source)), source.damaged_frames) == (24, 2)


class Memory(bytearray):
    """Of a frame; a ``bytearray`` itself has no weak references."""


class Unplugged:
    """A camera whose driver lends the memory of its frames, and is pulled out after the last."""

    def __init__(self, packets: Iterator[av.Packet]) -> None:
        self.packets = packets
        self.lent: list[weakref.ref[Memory]] = []
        self.in_use_when_closed: int | None = None

    def demux(self, stream: object) -> Unplugged:
        return self

    def __iter__(self) -> Unplugged:
        return self

    def __next__(self) -> av.Packet:
        packet = next(self.packets)
        if not packet.size:
            raise av.FFmpegError(errno.ENODEV, "No such device")
        memory = Memory(bytes(packet))
        self.lent.append(weakref.ref(memory))
        lent = av.Packet(memory)
        lent.stream, lent.time_base, lent.pts = packet.stream, packet.time_base, packet.pts
        return lent

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.in_use_when_closed = sum(memory() is not None for memory in self.lent)


@pytest.mark.parametrize("stopped", [False, True])
def test_nothing_holds_the_memory_of_a_camera_that_is_closed(
    stopped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO()
    write(content, format_="nut", codec="rawvideo")
    source = camera(content.getvalue())
    driver = Unplugged(source._container.demux(video=0))
    monkeypatch.setattr(source, "_container", driver)
    seen: list[StreamFrame] = []
    if stopped:
        for frame in source:
            seen.append(frame)
            if frame.number == 9:
                source.stop()
    else:
        with pytest.raises(VideoError, match=r"camera 0: went away after 24 frames \(No such device\)"):
            collect(source, seen)
    assert len(seen) == (10 if stopped else 24)
    assert driver.in_use_when_closed == 0
    assert [frame.to_rgb().mean() for frame in seen] == pytest.approx(range(len(seen)), abs=2)
    assert [frame.seconds for frame in seen] == pytest.approx([frame.number / 24 for frame in seen], abs=0.01)


def arriving(
    source: LiveSource, arrivals: Callable[[int], float], monkeypatch: pytest.MonkeyPatch, *timeless: int
) -> list[StreamFrame]:
    """The source's frames, as if each had arrived then, some of them without a time."""
    decoded = [(frame, arrivals(number)) for number, (frame, _) in enumerate(source._decode())]
    for number in timeless:
        decoded[number][0].pts = None
    monkeypatch.setattr(source, "_decode", lambda: iter(decoded))
    return list(source)


def test_frames_that_waited_in_a_queue_are_not_taken_for_new(
    matroska: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the twelfth on they come all at once, a second late."""
    found = arriving(
        camera(matroska, is_camera=False),
        lambda number: 100 + (number / 24 if number < 12 else 2),
        monkeypatch,
    )
    assert [frame.captured for frame in found] == pytest.approx(
        [100 + number / 24 for number in range(24)], abs=0.01
    )


def test_a_frame_without_a_time_is_one_after_the_one_before_it(
    matroska: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = arriving(camera(matroska, is_camera=False), lambda number: 5000 + number, monkeypatch, 0, 7)
    assert [frame.seconds for frame in found] == pytest.approx(
        [number / 24 for number in range(24)], abs=0.01
    )


def test_of_pictures_without_a_clock_each_was_captured_when_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their times are guessed from a rate: as a clock they would tell of a delay that grows."""
    content = io.BytesIO()
    write(content, format_="mjpeg", codec="mjpeg")
    source = camera(content.getvalue(), is_camera=False, format_="mjpeg")
    found = arriving(source, lambda number: 100.0 + number, monkeypatch)
    assert [frame.captured for frame in found] == [100.0 + number for number in range(24)]
    assert found[-1].seconds == pytest.approx(23 / source.frames_per_second)


def test_a_live_stream_stops_at_the_next_frame(matroska: bytes) -> None:
    source = camera(matroska)
    seen = []
    for frame in source:
        seen.append(frame.number)
        source.stop()
    assert seen == [0]


def test_sound_alone_is_refused() -> None:
    content = io.BytesIO()
    with av.open(content, "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(VideoError, match="camera 0: has no pictures"):
        camera(content.getvalue())


def test_a_codec_that_ffmpeg_does_not_know_is_refused(matroska: bytes) -> None:
    with pytest.raises(VideoError, match=r"camera 0: is coded in a way that FFmpeg doesn't know; send it as"):
        camera(matroska.replace(b"V_MJPEG", b"V_OTHER"))


def test_standard_input_gives_frames_as_they_come(matroska: bytes) -> None:
    code = (
        "import sys; from epam_inference.streaming.frame_source import open_source\n"
        "for frame in open_source('-'): print(frame.number, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        process.stdin.write(matroska)
        process.stdin.close()
        assert process.stdout.read().split() == [str(number).encode() for number in range(24)]
        watchdog.cancel()
    assert process.returncode == 0


def test_what_is_no_video_on_standard_input_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "text"
    path.write_text("no video")
    with path.open() as text:
        monkeypatch.setattr("sys.stdin", text)
        with pytest.raises(VideoError, match="standard input: is not a video"):
            open_source("-")


def test_a_closed_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(VideoError, match="standard input: is closed; send a video to it"):
        open_source("-")
