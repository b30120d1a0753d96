"""Reading a prepared asset: the right frames, ready for the sink, and a clear refusal of anything less."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playback import frame_index
from playback.frame_index import IndexDamaged
from playback.source import AssetMissing, PreparedFile, annex_b
from tests.playback.reading import decode_video, times_of


@pytest.mark.parametrize("codec", ["h264", "vp8"])
@pytest.mark.parametrize("at_s", [0.0, 1.0, 2.0, 3.48])
def test_from_any_position_the_keyframe_before_it_leads_to_its_picture(
    bunny: Path, codec: str, at_s: float
) -> None:
    asset = PreparedFile.open(bunny)
    track = asset.video[codec]
    shown = track.index.shown_at(round(at_s * 1e6))
    frames = track.read(track.index.keyframe_before(shown), shown + 1)
    asset.close()
    assert frames[0].keyframe
    assert not any(frame.keyframe for frame in frames[1:])
    assert times_of(decode_video(codec, (frame.data for frame in frames)))[-1] == at_s * 1000


def test_reading_in_parts_gives_the_same_frames(bunny: Path) -> None:
    asset = PreparedFile.open(bunny)
    for track in asset.tracks:
        count = len(track.index)
        whole = track.read(0, count)
        parts = [frame for n in range(0, count, 7) for frame in track.read(n, min(n + 7, count))]
        assert parts == whole
        assert track.read(5, 5) == []
    asset.close()


def test_a_folder_that_holds_no_whole_asset_is_refused(bunny: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetMissing):
        PreparedFile.open(tmp_path)
    copy = tmp_path / "copy"
    for missing in ("prepared.json", "video-vp8.webm", "audio.webm.index"):
        shutil.copytree(bunny, copy)
        (copy / missing).unlink()
        with pytest.raises(AssetMissing):
            PreparedFile.open(copy)
        shutil.rmtree(copy)


def test_a_cut_file_is_noticed_when_it_is_read(bunny: Path, tmp_path: Path) -> None:
    shutil.copytree(bunny, tmp_path / "copy")
    with (tmp_path / "copy" / "video-vp8.webm").open("r+b") as file:
        file.truncate(100_000)
    asset = PreparedFile.open(tmp_path / "copy")
    with pytest.raises(IndexDamaged):
        asset.video["vp8"].read(0, 100)
    asset.close()


@given(st.binary(max_size=200))
def test_no_index_is_read_out_of_anything_else(content: bytes) -> None:
    with pytest.raises(IndexDamaged):
        _load(content)


@given(st.integers(0, 100), st.integers(1, 24 * 3 - 1))
def test_a_cut_index_is_refused(prefix: int, cut: int) -> None:
    whole = frame_index.MAGIC + struct.pack("<I", prefix) + bytes(prefix) + bytes(24 * 3)
    assert len(_load(whole)) == 3
    if cut % 24:
        with pytest.raises(IndexDamaged):
            _load(whole[:-cut])


def test_an_index_of_frames_that_are_not_in_the_file_is_never_written(tmp_path: Path) -> None:
    file, index = (tmp_path / "file").open("w+b"), (tmp_path / "index").open("w+b")
    with file, index:
        file.write(b"...one..two")
        file.flush()
        with pytest.raises(IndexDamaged):
            frame_index.write(index, file, [b"one", b"three"], [(0, True), (1, False)], b"")
        with pytest.raises(IndexDamaged):
            frame_index.write(index, file, [b"one"], [(0, True), (1, False)], b"")
        frame_index.write(index, file, [b"one", b"two"], [(0, True), (1, False)], b"")
    assert frame_index.load(tmp_path / "index").offset.tolist() == [3, 8]


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=5))
def test_lengths_become_start_codes(units: list[bytes]) -> None:
    """ISO 14496-15 samples to ITU-T H.264 Annex B."""
    stored = b"".join(struct.pack(">I", len(unit)) + unit for unit in units)
    assert annex_b(stored) == b"".join(b"\0\0\0\1" + unit for unit in units)
    with pytest.raises(IndexDamaged):
        annex_b(struct.pack(">I", len(stored) + 1) + stored)


def _load(content: bytes) -> frame_index.FrameIndex:
    return frame_index.parse(content, "test")
