from __future__ import annotations

import io
import os
import pickle
import random
import struct
import subprocess
import sys
import textwrap
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from epam.data.safe_pickle import MAXIMUM_DEPTH, load_pickle, parse_pickle
from epam.errors import AnnotationError

PROTOCOLS = range(6)


def load(data: bytes) -> Any:
    return parse_pickle(data, origin="a.pkl")


def _sample() -> dict[str, Any]:
    keypoint = (np.arange(2 * 3 * 17 * 2) % 100).astype(np.float16).reshape(2, 3, 17, 2)
    return {
        "split": {"xsub_train": ["S001C001P001R001A001"], "xsub_val": []},
        "annotations": [
            {
                "frame_dir": "S001C001P001R001A001",
                "label": 3,
                "img_shape": (1080, 1920),
                "total_frames": 3,
                "keypoint": keypoint,
                "keypoint_score": np.full((2, 3, 17), 0.5, dtype=np.float16),
                "note": None,
                "weight": -1.5,
                "big": 2**40,
                "valid": True,
                "text": "é\n\\u0041",
            }
        ],
    }


def _same(left: object, right: object) -> bool:
    if isinstance(right, np.ndarray):
        return isinstance(left, np.ndarray) and left.dtype == right.dtype and np.array_equal(left, right)
    if type(left) is not type(right):
        return False
    if isinstance(right, dict):
        return list(left) == list(right) and all(_same(left[key], right[key]) for key in right)
    if isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    return left == right


# --- What is read ---


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_gives_back_what_was_saved(protocol: int) -> None:
    assert _same(load(pickle.dumps(_sample(), protocol)), _sample())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_pure_python_pickler_is_read_as_well(protocol: int) -> None:
    file = io.BytesIO()
    pickle._Pickler(file, protocol).dump(_sample())
    assert _same(load(file.getvalue()), _sample())


@pytest.mark.parametrize("protocol", [0, 1, 2, 3])
def test_module_names_of_both_numpy_generations_are_read(protocol: int) -> None:
    data = pickle.dumps(_sample(), protocol).replace(b"numpy._core.", b"numpy.core.")
    assert b"numpy.core.multiarray" in data
    assert b"_core" not in data
    assert _same(load(data), _sample())
    assert _same(load(data.replace(b"numpy.core.", b"numpy._core.")), _sample())


@pytest.mark.parametrize("protocol", [4, 5])
def test_numpy_1_names_of_the_framed_protocols_are_read(protocol: int) -> None:
    # The names are short strings there: a length byte, then the text; frames declare their lengths.
    data = pickle.dumps(np.arange(3.0), protocol)
    (frame,) = struct.unpack_from("<Q", data, 3)
    for module in (b"numpy._core.multiarray", b"numpy._core.numeric"):
        if module in data:
            old = module.replace(b"_core", b"core")
            data = data.replace(bytes([len(module)]) + module, bytes([len(old)]) + old)
            frame -= 1
    data = data[:3] + struct.pack("<Q", frame) + data[11:]
    assert b"numpy.core" in data
    assert load(data).tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "code", ["?", "i1", "u1", ">i2", "<i8", ">u4", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]
)
def test_types_are_kept_in_both_byte_orders(protocol: int, code: str) -> None:
    array = np.array([[0, 1], [1, 1]], dtype=code)
    assert _same(load(pickle.dumps(array, protocol)), array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12.0).reshape(4, 3)[::2, ::-1],
        np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0),
        np.zeros((0, 5, 17, 2), dtype=np.float16),
        np.array(2.5),
    ],
    ids=["fortran", "strided", "transposed", "empty", "scalar array"],
)
def test_memory_layouts_are_read(protocol: int, array: np.ndarray) -> None:
    read = load(pickle.dumps(array, protocol))
    assert read.shape == array.shape
    assert _same(read, array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numpy_scalars_become_python_numbers(protocol: int) -> None:
    values = [np.int64(7), np.float32(0.5), np.bool_(True), np.float16(2)]
    read = load(pickle.dumps(values, protocol))
    assert read == [7, 0.5, True, 2.0]
    assert [type(value) for value in read] == [int, float, bool, float]


def test_shared_objects_stay_shared() -> None:
    array = np.arange(3.0)
    for protocol in PROTOCOLS:
        first, second = load(pickle.dumps([array, array], protocol))
        assert first is second


def test_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        load(pickle.dumps(np.zeros(2), 5))[0] = 1


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps([1, 2.5, "three"]))
    assert load_pickle(path) == load_pickle(str(path)) == [1, 2.5, "three"]


# --- What is not a pickle ---


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"nowhere\.pkl: no such annotation file"):
        load_pickle(tmp_path / "nowhere.pkl")


def test_a_folder_or_a_device_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="not a regular file"):
        load_pickle(tmp_path)
    with pytest.raises(AnnotationError, match="not a regular file"):
        load_pickle(os.devnull)


def _archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("keypoint.npy", b"1234")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS"),
        (b"\n<!DOCTYPE html><html>Sign in</html>", "web page"),
        (b"<Error>gone</Error>", "web page"),
        (_archive(), "zip archive"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"\x93NUMPY\x01\x00", "npy"),
        (b'{"annotations": []}', "not a pickle"),
        (b"Hello, world\n", "not a pickle"),
        (b"\x80\x07.", "protocol"),
    ],
)
def test_other_files_are_named_in_one_line(data: bytes, told: str) -> None:
    with pytest.raises(AnnotationError, match=told) as caught:
        load(data)
    assert "a.pkl" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_truncation_is_an_error(protocol: int) -> None:
    data = pickle.dumps(_sample()["annotations"][0], protocol)
    for length in range(0, len(data), 7):
        with pytest.raises(AnnotationError, match=r"a\.pkl"):
            load(data[:length])
    with pytest.raises(AnnotationError, match="cut short"):
        load(data[:-1])


def test_what_follows_the_end_is_not_ignored() -> None:
    with pytest.raises(AnnotationError, match="after the pickle's end"):
        load(pickle.dumps([1]) + pickle.dumps([2]))


def test_python_2_text_says_what_to_do() -> None:
    with pytest.raises(AnnotationError, match="Python 2"):
        load(b"(lp0\nS'abc'\np1\na.")


# --- What would run, crash or eat memory ---


class _Attack:
    def __init__(self, *reduction: Any) -> None:
        self.reduction = reduction

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduction


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_call_is_refused_by_its_name_and_not_run(tmp_path: Path, protocol: int) -> None:
    trace = tmp_path / "executed"
    data = pickle.dumps([_Attack(os.system, (f"touch {trace}",))], protocol)
    with pytest.raises(AnnotationError, match=f"would run {os.system.__module__}.system") as caught:
        load(data)
    assert not trace.exists()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "name"),
    [
        (_Attack(eval, ("1",)), "eval"),
        (_Attack(getattr, (1, "real")), "getattr"),
        (_Attack(np.load, ("x",)), "load"),
        (_Attack(np.empty, ((1 << 40,),)), "empty"),
        (_Attack(bytearray, (1 << 40,)), "bytearray"),
        (OrderedDict(a=1), "OrderedDict"),
        (np.array([1 + 2j]), "c16"),
        (np.array(["text"]), "U4"),
        (np.str_("text"), "U4"),
        (np.array([{}]), "O8"),
        (np.zeros(2, dtype=[("x", "f4")]), "V4"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "M8"),
    ],
)
def test_other_classes_and_types_are_refused_by_name(value: object, name: str, protocol: int) -> None:
    with pytest.raises(AnnotationError, match=name):
        load(pickle.dumps(value, protocol))


def test_a_hostile_name_is_printed_harmlessly() -> None:
    with pytest.raises(AnnotationError) as caught:
        load(b"\x80\x04\x8c\x04\x1b[2J\x8c\x03a\nb\x93.")
    assert str(caught.value).isprintable()


_NAME = b"cnumpy\n%s\n"
_ENCODE = b"c_codecs\nencode\n"
_DTYPE = b"cnumpy\ndtype\n(Vf4\nI00\nI01\ntR"
_DTYPE_STATE = b"(I3\nV<\nNNNI-1\nI-1\nI0\nt"
_FLOAT32 = _DTYPE + _DTYPE_STATE + b"b"
_ARRAY = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntNtR"
_FROMBUFFER = b"cnumpy._core.numeric\n_frombuffer\n"


def test_the_hand_written_pieces_of_the_attacks_are_sound() -> None:
    array = load(_FROMBUFFER + b"(C\x04\x00\x00\x80?" + _FLOAT32 + b"(I1\ntVC\ntR.")
    assert array.tolist() == [1.0]
    array = load(_ARRAY + b"(I1\n(I1\nt" + _FLOAT32 + b"I00\nC\x04\x00\x00\x80?tb.")
    assert array.tolist() == [1.0]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        # Code by other doors: OBJ and INST, extension registry, persistent ids, NEWOBJ.
        (b"(ios\nsystem\n.", "would run os.system"),
        (b"(inumpy\ndtype\n.", "INST"),
        (b"(cnumpy\ndtype\no.", "OBJ"),
        (b"\x82\x01.", "EXT1"),
        (b"P1\n.", "PERSID"),
        (b"Va\nQ.", "BINPERSID"),
        (b"cnumpy\nndarray\n)\x81.", "NEWOBJ"),
        (b"\x8f.", "EMPTY_SET"),
        (b"\x97.", "NEXT_BUFFER"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", "ndarray.tofile"),
        # Our own stand-ins as targets: state set, items set, called in other ways, left in the result.
        (_ENCODE + b"}Va\nI1\nsb.", "state"),
        (_ENCODE + b"(N}Vname\nVos\nstb.", "state"),
        (_ENCODE + b"Va\nI1\ns.", "no dict"),
        (_ENCODE + b"I1\na.", "no list"),
        (_ENCODE + b"(Va\nVutf-8\ntR.", "encode"),
        (_ENCODE + b"(I1\nVlatin1\ntR.", "encode"),
        (b"cbuiltins\nbytes\n(I999999999999\ntR.", "bytes"),
        (b"cnumpy\nndarray\n(I1\ntR.", "ndarray"),
        (b"I1\n)R.", "no function"),
        (_ENCODE + b".", "Global"),
        (_DTYPE + b".", "DType"),
        (_ARRAY + b".", "Array"),
        (b"C\x01a.", "bytes"),
        # Array states that numpy's C code would trust.
        (_DTYPE + _DTYPE_STATE + b"b" + _DTYPE_STATE + b"b.", "type"),
        (_DTYPE + b"(I3\nV<\n(VO\n(I9\nttNNI-1\nI-1\nI0\ntb.", "structured"),
        (_DTYPE + b"(I3\nV=\nNNNI-1\nI-1\nI0\ntb.", "byte order"),
        (_DTYPE + b"(I3\nV\nNNNI-1\nI-1\nI0\ntb.", "byte order"),
        (_DTYPE + b"(I3\nV<\ntb.", "damaged"),
        (_ARRAY + b"(I1\n(I1\nt" + _DTYPE + b"I00\nC\x04\x00\x00\x80?tb.", "without a type"),
        (_ARRAY + b"(I1\n(I2\nt" + _FLOAT32 + b"I00\nC\x04\x00\x00\x80?tb.", r"shape \(2\)"),
        (_ARRAY + b"(I1\n(I-1\nt" + _FLOAT32 + b"I00\nC\x04\x00\x00\x80?tb.", r"shape \(-1\)"),
        (_ARRAY + b"(I1\n(I1\nt" + _FLOAT32 + b"I00\n(lN" + b"atb.", "Python objects"),
        (_ARRAY + b"(I1\nVx\n" + _FLOAT32 + b"I00\nC\x04\x00\x00\x80?tb.", "without a shape"),
        (_ARRAY + b"(I1\n(" + b"I1\n" * 40 + b"t" + _FLOAT32 + b"I00\nC\x04\x00\x00\x80?tb.", "shape"),
        (_FROMBUFFER + b"(C\x00" + _FLOAT32 + b"(I0\nI99999999999\ntVC\ntR.", "cannot fill"),
        (_FROMBUFFER + b"(C\x00" + _FLOAT32 + b"(I0\n" + b"I1000000\n" * 12 + b"tVC\ntR.", "damaged"),
        (_FROMBUFFER + b"(C\x04\x00\x00\x80?" + _FLOAT32 + b"(I1\ntVA\ntR.", "memory order"),
        (_FROMBUFFER + b"(C\x04\x00\x00\x80?" + _FLOAT32 + b"(I1\ntVK\n(I5\nttR.", "axes"),
        (_FROMBUFFER + b"(C\x04\x00\x00\x80?" + _FLOAT32 + b"(I1\ntVK\ntR.", "axes"),
        (b"cnumpy._core.multiarray\nscalar\n(" + _FLOAT32 + b"C\x08\x00\x00\x80?\x00\x00\x80?tR.", "shape"),
        # Sizes that are declared and not there.
        (b"\x80\x04\x8e\xff\xff\xff\xff\x00\x00\x00\x00", "cut short"),
        (b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f", "cut short"),
        (b"\x80\x04\x8d\x00\x00\x00\x00\x01\x00\x00\x00.", "cut short"),
        (b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff.", "cut short"),
        (b"B\xff\xff\xff\xff", "cut short"),
        (b"\x8b\xff\xff\xff\x7f", "cut short"),
        (b"\x8b\xff\xff\xff\xff", "cut short"),
        (b"\x8a\xff" + b"\x7f" * 255 + b".", "255 bytes"),
        (b"I" + b"9" * 200 + b"\n.", "200 digits"),
        (b"L" + b"9" * 5000 + b"L\n.", "damaged"),
        # The memo and the stack.
        (b"Nr\xff\xff\xff\xff.", "memo index"),
        (b"Np-1\n.", "memo index"),
        (b"h\x05.", "refers to nothing"),
        (b"Np1\ng0\n.", "refers to nothing"),
        (b"g-1\n.", "refers to nothing"),
        (b".", "one value"),
        (b"NN.", "one value"),
        (b"0.", "damaged"),
        (b"t.", "damaged"),
        (b"\x87.", "lacks values"),
        (b"N(0t.", "brackets"),
        (b"NN(00t.", "brackets"),
        (b"(NNNd.", "no dict"),
        (b"}Nq\x00a.", "no list"),
        (b"}(I1\nI2\nu.", "not text"),
        (b"]Va\nNs.", "no dict"),
        (b"})Ns.", "not text"),
    ],
)
def test_hand_written_attacks_are_refused_for_the_right_reason(data: bytes, told: str) -> None:
    with pytest.raises(AnnotationError, match=told) as caught:
        load(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "opener",
    [b"]" * 200_000 + b"a" * 199_999, b"N" + b"\x85" * 90_000, b"}" + b"Va\n}" * 50_000 + b"s" * 50_000],
)
def test_deep_nesting_is_an_error_and_no_crash(opener: bytes) -> None:
    with pytest.raises(AnnotationError, match=r"deeper|brackets"):
        load(opener + b".")


def test_nesting_up_to_the_limit_is_read() -> None:
    assert load(b"]" * MAXIMUM_DEPTH + b"a" * (MAXIMUM_DEPTH - 1) + b".") is not None
    with pytest.raises(AnnotationError, match="deeper"):
        load(b"]" * (MAXIMUM_DEPTH + 1) + b"a" * MAXIMUM_DEPTH + b".")


@pytest.mark.parametrize(
    "data", [b"]q\x00h\x00a.", b"]q\x00h\x00\x85a.", b"}q\x00Va\nh\x00s.", b"]q\x00(]h\x00ah\x00e."]
)
def test_a_container_of_itself_is_refused(data: bytes) -> None:
    with pytest.raises(AnnotationError, match="contains itself"):
        load(data)


def test_exponential_sharing_takes_no_exponential_time() -> None:
    # Each line pairs the last list with itself: thirty lines, a tree of 2^30 leaves.
    lines = [b"]q\x00"] + [b"(h%ch%clq%c" % (level, level, level + 1) for level in range(30)]
    shared = load(b"0".join(lines) + b".")
    assert shared[0] is shared[1]
    with pytest.raises(AnnotationError, match="deeper"):
        load(
            b"0".join(lines + [b"(h%ch%clq%c" % (level, level, level + 1) for level in range(30, 60)]) + b"."
        )


def test_a_shared_tuple_is_never_hashed() -> None:
    pairs = b"N" + b"2\x86" * 60
    with pytest.raises(AnnotationError, match="not text"):
        load(b"}" + pairs + b"Ns.")


def test_a_shared_tuple_is_never_printed() -> None:
    pairs = b"N" + b"2\x86" * 60
    with pytest.raises(AnnotationError, match="tuple"):
        load(b"cnumpy\ndtype\n(" + pairs + b"I00\nI01\ntR.")


def test_one_text_encoded_over_and_over_fills_no_memory() -> None:
    text = b"V" + b"a" * 100_000 + b"\n"
    call = _ENCODE + b"q\x00]" + text + b"Vlatin1\n\x86q\x010"
    with pytest.raises(AnnotationError, match="over and over"):
        load(b"]" + call + b"(" + b"h\x00h\x01R" * 10_000 + b"e.")


def test_a_file_of_brackets_is_refused_before_it_is_built() -> None:
    with pytest.raises(AnnotationError, match="brackets"):
        load(b"(" + b"]" * 1_000_000 + b"l.")
    with pytest.raises(AnnotationError, match="brackets"):
        load(b"(" * 1_000_000 + b".")


def _mutated(data: bytes, draw: random.Random) -> bytes:
    """Flip, insert, cut or repeat a few bytes."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.randrange(len(changed))
        kind = draw.randrange(5)
        if kind == 0:
            changed[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            changed[at] = draw.choice(
                b"(.0123bcdeghjlopqrstuCGIKLMNRVX]})\x80\x85\x86\x88\x8c\x93\x94\x95\x96"
            )
        elif kind == 2:
            changed[at:at] = draw.randbytes(draw.randrange(1, 9))
        elif kind == 3:
            del changed[at : at + draw.randrange(1, 9)]
        else:
            changed[at:at] = changed[draw.randrange(len(changed)) :][: draw.randrange(1, 40)]
    return bytes(changed)


def _seeds() -> list[bytes]:
    small = [{"frame_dir": "S001", "keypoint": np.ones((1, 2), np.float16), "n": np.int64(3)}, (1, "é", 2.5)]
    return [pickle.dumps(small, protocol) for protocol in PROTOCOLS]


def test_mutated_files_give_a_value_or_an_annotation_error() -> None:
    draw = random.Random(0)
    refused = 0
    for _ in range(3000):
        for seed in _seeds():
            try:
                load(_mutated(seed, draw))
            except AnnotationError:
                refused += 1
    assert 9_000 < refused < 18_000


@pytest.mark.slow
def test_many_mutations_stay_within_a_memory_limit() -> None:
    limit = pytest.importorskip("resource").RLIMIT_AS
    script = f"""
        import importlib.util, random, resource, sys
        from pathlib import Path
        from epam.data.safe_pickle import parse_pickle
        from epam.errors import AnnotationError
        spec = importlib.util.spec_from_file_location("mutations", {__file__!r})
        mutations = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(mutations)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit({limit}, ((pages << 12) + (256 << 20),) * 2)
        draw, count = random.Random(1), 0
        for _ in range(50_000):
            for seed in mutations._seeds():
                try:
                    parse_pickle(mutations._mutated(seed, draw), origin="m.pkl")
                except AnnotationError:
                    pass
                count += 1
        print(count)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.stdout.strip() == "300000", run.stderr[-2000:]
