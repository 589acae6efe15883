import warnings
from pathlib import Path

import av
import numpy as np
import pytest

from epam.data.video import collect_video_warnings, decode_chosen_frames, decode_frames
from epam.errors import InputError, VideoError, VideoWarning


def first_and_last(count: int) -> np.ndarray:
    return np.array([0, count - 1])


FORMATS = [("clip.mp4", "libx264"), ("clip.avi", "libx264"), ("clip.avi", "mpeg4"), ("clip.mkv", "libx264")]


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_index_n_is_the_nth_frame_shown_despite_b_frames(
    make_video, read_numbers, name: str, codec: str
) -> None:
    video = make_video(name, codec=codec, frames=60)
    decoded = decode_frames(video, np.arange(60))
    assert read_numbers(decoded.frames) == list(range(60))
    assert decoded.frame_count == 60


def test_frames_come_in_the_order_asked_for_and_may_repeat(make_video, read_numbers) -> None:
    decoded = decode_frames(make_video(frames=30), np.array([20, 3, 3, 0, 29]))
    assert read_numbers(decoded.frames) == [20, 3, 3, 0, 29]
    assert decoded.frames.shape == (5, 48, 64, 3)
    assert decoded.frames.dtype == np.uint8


def test_channels_are_red_first(tmp_path: Path) -> None:
    path = tmp_path / "red.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        pixels = np.zeros((32, 32, 3), dtype=np.uint8)
        pixels[..., 0] = 250
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    red, green, blue = decode_frames(path, np.array([0])).frames[0, 16, 16].tolist()
    assert red > 240
    assert max(green, blue) < 10


def test_more_frames_than_annotated_are_used_with_a_warning_that_names_both(make_video) -> None:
    video = make_video(frames=30)
    with pytest.warns(VideoWarning, match=r"clip.mp4 \(sample S001\): has 30 frames, its annotation says 28"):
        decoded = decode_frames(video, np.array([0]), expected_frames=28, sample="S001")
    assert decoded.frame_count == 30


def test_warnings_of_videos_can_be_collected_and_others_go_on(make_video) -> None:
    def decode_and_complain() -> list[str]:
        with collect_video_warnings() as sentences:
            decode_frames(make_video(frames=30), np.array([0]), expected_frames=28)
            warnings.warn("of something else", UserWarning, stacklevel=1)
        return sentences

    with pytest.warns(UserWarning, match="of something else"):
        [sentence] = decode_and_complain()
    assert "has 30 frames, its annotation says 28" in sentence


def remux(source: Path, target: Path, *, start: float) -> Path:
    """Copy packets from a time on without re-encoding, as `ffmpeg -ss … -c copy` does."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = read.streams.video[0]
        copy = written.add_stream_from_template(stream)
        read.seek(int(start * av.time_base))
        for packet in read.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                written.mux(packet)
    return target


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv"])
def test_a_video_cut_without_re_encoding_is_whole(make_video, tmp_path: Path, name: str) -> None:
    cut = remux(make_video(frames=60), tmp_path / name, start=1.1)
    decoded = decode_chosen_frames(cut, lambda count: np.array([0, count - 1]))
    assert 20 < decoded.frame_count <= 36


@pytest.mark.parametrize("keep", [0.4, 0.7])
def test_a_matroska_file_that_stops_early_is_noticed_by_its_duration(make_video, keep: float) -> None:
    video = make_video("clip.mkv", frames=120)
    assert decode_chosen_frames(video, lambda count: np.array([0])).frame_count == 120
    data = video.read_bytes()
    video.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(VideoError, match=r"stops at .* of 4\.0 s; the file is cut short|damaged"):
        decode_chosen_frames(video, lambda count: np.array([0]))


def test_fewer_frames_than_annotated_name_file_sample_and_counts(make_video) -> None:
    video = make_video(frames=30)
    with pytest.raises(VideoError, match=r"clip.mp4 \(sample S001\): 30 .* annotation says 31; .*cut short"):
        decode_frames(video, np.array([0]), expected_frames=31, sample="S001")


def test_an_index_beyond_the_end_is_refused(make_video) -> None:
    with pytest.raises(VideoError, match="has 30 frames, frame 30 was asked for"):
        decode_frames(make_video(frames=30), np.array([5, 30]))


@pytest.mark.parametrize("indices", [[], [-1], [[0]]])
def test_indices_that_make_no_sense_are_refused(make_video, indices: list) -> None:
    with pytest.raises(InputError, match="frame indices"):
        decode_frames(make_video(frames=3), np.array(indices, dtype=np.int64))


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_frames_can_be_chosen_by_the_count(make_video, read_numbers, name: str, codec: str) -> None:
    # Matroska's header has no count: the file is decoded twice.
    decoded = decode_chosen_frames(make_video(name, codec=codec, frames=25), first_and_last)
    assert read_numbers(decoded.frames) == [0, 24]
    assert decoded.frame_count == 25


def test_chosen_frames_too_can_be_held_to_the_annotation(make_video) -> None:
    with pytest.raises(VideoError, match="annotation says 26"):
        decode_chosen_frames(make_video(frames=25), first_and_last, expected_frames=26)


def cut_between_frames(avi: Path, *, keep: int) -> None:
    """Cut an AVI just before its frame number ``keep``: every frame that is left is whole."""
    content = avi.read_bytes()
    position = content.index(b"movi")
    for _ in range(keep + 1):
        position = content.index(b"00dc", position + 1)
    avi.write_bytes(content[:position])


def test_an_avi_cut_between_frames_is_noticed_by_the_annotation(make_video) -> None:
    video = make_video("clip.avi", codec="mpeg4", frames=60)
    cut_between_frames(video, keep=12)
    with pytest.raises(VideoError, match=r"^.*clip.avi \(sample A\): 12 frames .* annotation says 60"):
        decode_frames(video, np.array([0]), expected_frames=60, sample="A")


def test_an_avi_cut_between_frames_is_noticed_by_its_header(make_video) -> None:
    video = make_video("clip.avi", codec="mpeg4", frames=60)
    cut_between_frames(video, keep=12)
    with pytest.raises(VideoError, match="12 frames can be decoded, its header says 60"):
        decode_chosen_frames(video, first_and_last)


def test_an_avi_cut_within_a_frame_is_damaged(make_video) -> None:
    video = make_video("clip.avi", codec="mpeg4", frames=60)
    content = video.read_bytes()
    cut_between_frames(video, keep=12)
    video.write_bytes(content[: video.stat().st_size + 20])
    with pytest.raises(VideoError, match=r"clip.avi: is damaged near frame"):
        decode_frames(video, np.array([0]))


def test_an_mp4_without_its_end_cannot_be_decoded(make_video) -> None:
    video = make_video(frames=60)
    video.write_bytes(video.read_bytes()[:-200])
    with pytest.raises(VideoError, match=r"clip.mp4: .*download it again"):
        decode_frames(video, np.array([0]))


def test_flipped_bytes_in_the_middle_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    random = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(20):
            pixels = random.integers(0, 256, size=(64, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    content = bytearray(path.read_bytes())
    for position in random.integers(len(content) // 4, len(content) // 2, size=20):
        content[position] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"noise.mp4: .*download it again"):
        decode_frames(path, np.array([0]), expected_frames=20)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
            "Git LFS pointer.*git lfs pull",
        ),
        (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"<HTML><head></head></HTML>", "web page"),
        (b"not a video at all " * 100, "not a video that can be decoded"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n", "not a video"),
        (b"ffconcat version 1.0\nfile other.mp4\n", "not a video"),
    ],
)
def test_what_is_not_a_video_is_named_for_what_it_is(
    make_video, tmp_path: Path, content: bytes, complaint: str
) -> None:
    make_video("other.mp4", frames=3)  # what a play list would lead to
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=f"clip.mp4: .*{complaint}") as caught:
        decode_frames(path, np.array([0]))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"gone.mp4 \(sample S001\): no such file"):
        decode_frames(tmp_path / "gone.mp4", np.array([0]), sample="S001")


def test_a_folder_is_not_a_video(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="is a folder"):
        decode_frames(tmp_path, np.array([0]))


def test_a_name_that_looks_like_a_protocol_is_a_name(make_video, monkeypatch, tmp_path: Path) -> None:
    make_video("clip.mp4", frames=3).rename(tmp_path / "concat:a|b %41.mp4")
    monkeypatch.chdir(tmp_path)
    assert decode_frames("concat:a|b %41.mp4", np.array([0])).frame_count == 3


def test_sound_alone_is_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match="has no video stream"):
        decode_frames(path, np.array([0]))


def test_a_frame_above_the_limit_is_not_decoded(make_video, monkeypatch) -> None:
    monkeypatch.setattr("epam.data.video.MAX_PIXELS", 1000)
    with pytest.raises(VideoError, match="claims frames of 64×48"):
        decode_frames(make_video(frames=3), np.array([0]))
