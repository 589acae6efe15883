"""Reads annotation pickles as data: our own small interpreter, which can neither import nor call anything."""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from epam.errors import AnnotationError
from epam.file_signature import describe_placeholder

# Annotations nest about five deep; what is far deeper is made to exhaust somebody's stack.
MAXIMUM_DEPTH = 32
_MAXIMUM_DIMENSIONS = 16
_MAXIMUM_INTEGER_BYTES = 16
_MAXIMUM_LINE = 300
# An honest file spends some thirty bytes on each list, tuple, dict and mark; `]` alone is one byte.
_FREE_CONTAINERS = 100_000
_BYTES_PER_CONTAINER = 16

_DTYPE_CODES = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})
_SIGNATURES = (
    (
        b"PK\x03\x04",
        "is a zip archive (.npz, .pt or .zip), not a pickle; unpack it or give the annotation .pkl",
    ),
    (b"\x1f\x8b", "is compressed with gzip; unpack it first"),
    (b"BZh", "is compressed with bzip2; unpack it first"),
    (b"\xfd7zXZ", "is compressed with xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd; unpack it first"),
    (b"\x93NUMPY", "is a NumPy .npy array, not a pickle of annotations"),
    (b"\x89HDF", "is an HDF5 file, not a pickle of annotations"),
)


class _RefusedError(Exception):
    """Why the file is not read; becomes an AnnotationError that names it."""


def load_pickle(path: str | Path) -> object:
    """Read a pickle file of plain values and NumPy arrays, running nothing that it names.

    Args:
        path: the pickle; see ``parse_pickle`` for what it may hold.

    Raises:
        AnnotationError: the file is missing, not a pickle, cut short, damaged, or holds anything else.
    """
    path = Path(path)
    return parse_pickle(_read_bytes(path), origin=str(path))


def parse_pickle(data: bytes, *, origin: str) -> object:
    """Read the bytes of a pickle of plain values and NumPy arrays, running nothing that they name.

    Python's unpickler calls what a file names, and NumPy's own state setters trust what they are
    given (a few flipped bits crash them). So the opcodes are interpreted here: the few names that
    NumPy writes select functions of this module, every other name is refused, sizes are checked
    against the data that is really there, and what is built is looked over at the end. Protocols 0
    to 5, written with NumPy 1 or 2. Time and memory stay proportional to the data's size.

    Args:
        data: the whole pickle.
        origin: where it comes from, for messages.

    Returns:
        A tree of dict (text keys), list, tuple, str, int, float, bool, None and ndarray (booleans,
        integers, f2, f4, f8, in the byte order of the file; read-only). NumPy scalars are Python
        numbers.

    Raises:
        AnnotationError: the data are not a pickle, cut short, damaged, or hold anything else.
    """
    try:
        _refuse_other_formats(data)
        value = _Interpreter(data).run()
        _check_tree(value)
    except _RefusedError as error:
        raise AnnotationError(f"{origin}: {error}") from None
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error) as error:
        # The interpreter's own operations on values of the wrong kind; all of them harmless.
        raise AnnotationError(
            f"{origin}: is a damaged pickle ({type(error).__name__}); get it again"
        ) from None
    except MemoryError:
        raise AnnotationError(f"{origin}: does not fit into this machine's memory") from None
    return value


def _read_bytes(path: Path) -> bytes:
    try:
        if not path.exists():
            raise AnnotationError(f"{path}: no such annotation file; check the path")
        # A device or a pipe may never end.
        if not path.is_file():
            raise AnnotationError(f"{path}: is not a regular file; give the annotation .pkl itself")
        return path.read_bytes()
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read ({error.strerror})") from None


def _refuse_other_formats(data: bytes) -> None:
    placeholder = describe_placeholder(data[:512])
    if placeholder is not None:
        raise _RefusedError(placeholder)
    for signature, reason in _SIGNATURES:
        if data.startswith(signature):
            raise _RefusedError(reason)
    if data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise _RefusedError("is a web page or XML, not a pickle; the download went wrong, get it again")


# --- What NumPy's names stand for -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Global:
    """A name that the file may mention: an index into our functions, nothing of NumPy's."""

    name: str


@dataclass(slots=True)
class _DTypeInProgress:
    code: str
    dtype: np.dtype[Any] | None = None


@dataclass(slots=True)
class _ArrayInProgress:
    array: NDArray[Any] | None = None


_NDARRAY = _Global("numpy.ndarray")
_DTYPE = _Global("numpy.dtype")
_RECONSTRUCT = _Global("numpy._core.multiarray._reconstruct")
_SCALAR = _Global("numpy._core.multiarray.scalar")
_FROMBUFFER = _Global("numpy._core.numeric._frombuffer")
_ENCODE = _Global("_codecs.encode")
_BYTES = _Global("builtins.bytes")

_GLOBALS = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _DTYPE,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy.core.multiarray", "scalar"): _SCALAR,
    ("numpy._core.multiarray", "scalar"): _SCALAR,
    ("numpy.core.numeric", "_frombuffer"): _FROMBUFFER,
    ("numpy._core.numeric", "_frombuffer"): _FROMBUFFER,
    ("_codecs", "encode"): _ENCODE,
    # Protocols 0 to 2 write the data of an empty array as a call of `bytes`.
    ("__builtin__", "bytes"): _BYTES,
    ("builtins", "bytes"): _BYTES,
}


def _find_global(module: object, name: object) -> _Global:
    if type(module) is not str or type(name) is not str:
        raise _RefusedError("is a damaged pickle (a global without a name); get it again")
    found = _GLOBALS.get((module, name))
    if found is None:
        shown = _brief(f"{module}.{name}")[1:-1]
        raise _RefusedError(
            f"would run {shown} if Python unpickled it, and is refused; annotations hold only dict, list, "
            "tuple, text, numbers and NumPy arrays"
        )
    return found


def _brief(value: object) -> str:
    """Text on one short line of plain ASCII; of anything else the type (its repr may have no end)."""
    return ascii(value[:80]) if type(value) is str else type(value).__name__


def _start_dtype(code: object) -> _DTypeInProgress:
    if type(code) is not str or code not in _DTYPE_CODES:
        raise _RefusedError(
            f"holds NumPy data of type {_brief(code)}; only booleans, integers and f2, f4, f8 are read"
        )
    return _DTypeInProgress(code)


def _finish_dtype(pending: _DTypeInProgress, state: tuple[Any, ...]) -> None:
    version, order, subarray, names, fields, _size, _alignment, _flags = state
    structured = any(part is not None for part in (subarray, names, fields))
    if pending.dtype is not None or not _is_int(version, 3) or structured:
        raise _RefusedError("holds NumPy data of a structured or unknown type; only plain numbers are read")
    if type(order) is not str or order not in (("|",) if pending.code.endswith("1") else ("<", ">")):
        raise _RefusedError(f"holds NumPy data of unknown byte order {_brief(order)}; get it again")
    pending.dtype = np.dtype(order + pending.code)


def _resolve_dtype(pending: object) -> np.dtype[Any]:
    if type(pending) is not _DTypeInProgress or pending.dtype is None:
        raise _RefusedError("is a damaged pickle (an array without a type); get it again")
    return pending.dtype


def _build_array(
    raw: object, dtype: np.dtype[Any], shape: object, order: object, axes: object = None
) -> NDArray[Any]:
    """A read-only array over ``raw``, which must hold exactly what ``shape`` says."""
    if type(raw) is not bytes:
        raise _RefusedError("holds an array of Python objects; only arrays of numbers are read")
    _check_shape(raw, dtype, shape)
    if type(order) is not str:
        raise _RefusedError("is a damaged pickle (an array in unknown memory order); get it again")
    flat = np.frombuffer(raw, dtype)
    if order == "K":
        return flat.reshape(shape).transpose(_permutation(axes, shape))  # type: ignore[call-overload]
    if order not in ("C", "F"):
        raise _RefusedError("is a damaged pickle (an array in unknown memory order); get it again")
    return flat.reshape(shape, order=order)  # type: ignore[call-overload]


def _check_shape(raw: bytes, dtype: np.dtype[Any], shape: object) -> None:
    if type(shape) is not tuple or len(shape) > _MAXIMUM_DIMENSIONS:
        raise _RefusedError("is a damaged pickle (an array without a shape); get it again")
    size = dtype.itemsize
    for length in shape:
        # Bounded lengths keep the product of an array that has none of another axis in range, too.
        if type(length) is not int or not 0 <= length <= max(len(raw), 1 << 20):
            raise _RefusedError(f"declares an array of shape {_shown(shape)}, which its data cannot fill")
        size *= length
    if size != len(raw):
        raise _RefusedError(f"declares an array of shape {_shown(shape)} but holds {len(raw)} bytes of it")


def _permutation(axes: object, shape: Any) -> tuple[int, ...]:
    if type(axes) is not tuple or any(type(axis) is not int for axis in axes):
        raise _RefusedError("is a damaged pickle (an array with unknown axes); get it again")
    if sorted(axes) != list(range(len(shape))):
        raise _RefusedError("is a damaged pickle (an array with unknown axes); get it again")
    return axes


def _is_int(value: object, wanted: int) -> bool:
    """Compare by exact type: `==` on an array, say, would answer with an array."""
    return type(value) is int and value == wanted


def _shown(shape: tuple[object, ...]) -> str:
    return f"({', '.join(str(part) if type(part) is int else '?' for part in shape)})"


# --- The interpreter --------------------------------------------------------------------------------


class _Interpreter:
    """A stack machine over the pickle's bytes; every value on its stack is one that we made.

    Values are only ever compared by exact type, so that none brings behaviour of its own; text is
    the only dictionary key, because hashing nested tuples costs stack and, shared, exponential time.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.steps = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: list[Any] = []
        self.containers_left = _FREE_CONTAINERS + len(data) // _BYTES_PER_CONTAINER
        # Each byte of an honest file is decoded at most twice: text to bytes, bytes to array.
        self.derived_bytes_left = 2 * len(data)

    def run(self) -> object:
        """Interpret up to the end mark and return the value left."""
        data, handlers = self.data, _HANDLERS
        size = len(data)
        while self.position < size:
            opcode = data[self.position]
            self.position += 1
            if opcode == _STOP:
                return self._result()
            handler = handlers[opcode]
            if handler is None:
                self._refuse_opcode(opcode)
            self.steps += 1
            handler(self)
        raise self.cut_short()

    def _result(self) -> object:
        if self.position != len(self.data):
            surplus = len(self.data) - self.position
            raise _RefusedError(
                f"has {surplus} bytes after the pickle's end; get it again, or save it as one pickle"
            )
        if len(self.stack) != 1 or self.marks:
            raise _RefusedError("is a damaged pickle (it does not leave one value); get it again")
        return self.stack[0]

    def _refuse_opcode(self, opcode: int) -> NoReturn:
        name = _OPCODE_NAMES.get(opcode)
        at = self.position - 1
        if name is None:
            raise _RefusedError(f"is not a pickle, or is damaged: byte {at} is {opcode:#04x}; get it again")
        if name == "INST":
            _find_global(self.read_line(), self.read_line())
        if name.endswith("STRING") and at == 0:
            raise _RefusedError("is text (a list of videos?), not a pickle; give the annotation .pkl")
        if name.endswith("STRING"):
            raise _RefusedError("was written by Python 2; load it there, and save it again with Python 3")
        raise _RefusedError(
            f"uses the pickle opcode {name} (byte {at}), which no annotation file needs; refused as unsafe"
        )

    def cut_short(self) -> _RefusedError:
        return _RefusedError(f"is cut short: {len(self.data)} bytes, and the pickle goes on; get it again")

    # Reading

    def read(self, count: int) -> bytes:
        start, end = self.position, self.position + count
        if count < 0 or end > len(self.data):
            raise self.cut_short()
        self.position = end
        return self.data[start:end]

    def read_sized(self, prefix: struct.Struct) -> bytes:
        return self.read(prefix.unpack(self.read(prefix.size))[0])

    def read_line(self, limit: int | None = _MAXIMUM_LINE) -> str:
        end = self.data.find(b"\n", self.position, None if limit is None else self.position + limit)
        if end < 0:
            if limit is not None and self.position + limit < len(self.data):
                raise _RefusedError(f"is not a pickle, or is damaged at byte {self.position}; get it again")
            raise self.cut_short()
        raw = self.data[self.position : end]
        self.position = end + 1
        return raw.decode("ascii") if limit is not None else raw.decode("raw-unicode-escape")

    # Accounts

    def count_container(self) -> None:
        self.containers_left -= 1
        if self.containers_left < 0:
            raise _RefusedError("is nearly all brackets: far more lists and tuples than its size warrants")

    def count_derived(self, count: int) -> None:
        self.derived_bytes_left -= count
        if self.derived_bytes_left < 0:
            raise _RefusedError("uses the same data over and over, and would fill the memory; refused")

    # Stack

    def push_container(self, value: object) -> None:
        self.count_container()
        self.stack.append(value)

    def mark(self) -> None:
        self.count_container()
        self.marks.append(len(self.stack))

    def pop_to_mark(self) -> list[Any]:
        start = self.marks.pop()
        if start > len(self.stack):
            raise _RefusedError("is a damaged pickle (its brackets do not match); get it again")
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def pop(self) -> Any:
        return self.stack.pop()

    def push_tuple(self, length: int) -> None:
        self.count_container()
        if length > len(self.stack):
            raise _RefusedError("is a damaged pickle (a tuple lacks values); get it again")
        self.stack[-length:] = [tuple(self.stack[-length:])]

    # Memo

    def put(self, index: int) -> None:
        # Writers number from 0 (or 1) upwards; a far index would only make us allocate the gap.
        if not 0 <= index <= self.steps:
            raise _RefusedError("is a damaged pickle (a memo index out of range); get it again")
        if index >= len(self.memo):
            self.memo.extend([_ABSENT] * (index + 1 - len(self.memo)))
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        value = self.memo[index] if 0 <= index < len(self.memo) else _ABSENT
        if value is _ABSENT:
            raise _RefusedError("is a damaged pickle (it refers to nothing); get it again")
        # An array is memorised before its data arrive.
        if type(value) is _ArrayInProgress and value.array is not None:
            value = value.array
        self.stack.append(value)

    # Filling

    def append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise _RefusedError("is a damaged pickle (it appends to what is no list); get it again")
        target.extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(values) % 2:
            raise _RefusedError("is a damaged pickle (it sets items of what is no dict); get it again")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) is not str:
                raise _RefusedError("has a dictionary key that is not text; annotation files have none")
            target[key] = value

    # Calls

    def reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack.pop()
        if type(function) is not _Global or type(arguments) is not tuple:
            raise _RefusedError("is a damaged pickle (it calls what is no function); get it again")
        self.count_container()
        self.stack.append(self._call(function, arguments))

    def _call(self, function: _Global, arguments: tuple[Any, ...]) -> object:
        if function is _DTYPE:
            code, _align, _copy = arguments
            return _start_dtype(code)
        if function is _RECONSTRUCT:
            kind, _shape, _code = arguments
            if kind is not _NDARRAY:
                raise _RefusedError("holds a NumPy array of an unknown class; only ndarray is read")
            return _ArrayInProgress()
        if function is _ENCODE:
            return self._encode(*arguments)
        if function is _SCALAR:
            dtype, raw = arguments
            return self._array(raw, _resolve_dtype(dtype), (), "C").item()
        if function is _FROMBUFFER:
            raw, dtype, shape, order, *axes = arguments
            return self._array(raw, _resolve_dtype(dtype), shape, order, *axes)
        if function is _BYTES and not arguments:
            return b""
        raise _RefusedError(f"calls {function.name} in an unknown way; get it again")

    def _encode(self, text: object, encoding: object) -> bytes:
        if type(text) is not str or type(encoding) is not str or encoding != "latin1":
            raise _RefusedError("calls _codecs.encode in an unknown way; get it again")
        self.count_derived(len(text))
        return text.encode("latin1")

    def _array(
        self, raw: object, dtype: np.dtype[Any], shape: object, order: object, axes: object = None
    ) -> NDArray[Any]:
        if type(raw) is bytes:
            self.count_derived(len(raw))
        return _build_array(raw, dtype, shape, order, axes)

    def build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(state) is not tuple or type(target) not in (_DTypeInProgress, _ArrayInProgress):
            raise _RefusedError("would set the state of what is no array; refused as unsafe")
        if type(target) is _DTypeInProgress:
            _finish_dtype(target, state)
            return
        version, shape, dtype, is_fortran, raw = state
        if target.array is not None or not _is_int(version, 1) or type(is_fortran) not in (bool, int):
            raise _RefusedError("is a damaged pickle (an array in an unknown state); get it again")
        target.array = self._array(raw, _resolve_dtype(dtype), shape, "F" if is_fortran else "C")
        self.stack[-1] = target.array


_ABSENT = _Global("absent")
_STOP = ord(".")
_U8, _U16, _I32 = struct.Struct("<B"), struct.Struct("<H"), struct.Struct("<i")
_U32, _U64, _F64 = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct(">d")

_Handler = Callable[[_Interpreter], None]


def _number(layout: struct.Struct) -> _Handler:
    def push_number(machine: _Interpreter) -> None:
        machine.stack.append(layout.unpack(machine.read(layout.size))[0])

    return push_number


def _constant(value: object) -> _Handler:
    return lambda machine: machine.stack.append(value)


def _text(prefix: struct.Struct) -> _Handler:
    return lambda machine: machine.stack.append(machine.read_sized(prefix).decode("utf-8"))


def _raw(prefix: struct.Struct) -> _Handler:
    return lambda machine: machine.stack.append(machine.read_sized(prefix))


def _tuple(length: int) -> _Handler:
    return lambda machine: machine.push_tuple(length)


def _memo_put(layout: struct.Struct) -> _Handler:
    return lambda machine: machine.put(layout.unpack(machine.read(layout.size))[0])


def _memo_get(layout: struct.Struct) -> _Handler:
    return lambda machine: machine.get(layout.unpack(machine.read(layout.size))[0])


def _long(prefix: struct.Struct) -> _Handler:
    def push_long(machine: _Interpreter) -> None:
        raw = machine.read_sized(prefix)
        if len(raw) > _MAXIMUM_INTEGER_BYTES:
            raise _RefusedError(f"holds an integer of {len(raw)} bytes; annotations have none so large")
        machine.stack.append(int.from_bytes(raw, "little", signed=True))

    return push_long


def _int_line(machine: _Interpreter) -> None:
    text = machine.read_line()
    if text in ("00", "01"):
        machine.stack.append(text == "01")
        return
    text = text.removesuffix("L")
    if len(text) > 3 * _MAXIMUM_INTEGER_BYTES:
        raise _RefusedError(f"holds an integer of {len(text)} digits; annotations have none so large")
    machine.stack.append(int(text))


def _protocol(machine: _Interpreter) -> None:
    (version,) = machine.read(1)
    if version > 5:
        raise _RefusedError(
            f"is not a pickle, or of an unknown protocol ({version}); protocols 0 to 5 are read"
        )


def _frame(machine: _Interpreter) -> None:
    (length,) = _U64.unpack(machine.read(8))
    if length > len(machine.data) - machine.position:
        raise machine.cut_short()


def _stack_global(machine: _Interpreter) -> None:
    name = machine.pop()
    machine.stack.append(_find_global(machine.pop(), name))


def _set_item(machine: _Interpreter) -> None:
    value = machine.pop()
    key = machine.pop()
    machine.set_items([key, value])


def _dict(machine: _Interpreter) -> None:
    items = machine.pop_to_mark()
    machine.push_container({})
    machine.set_items(items)


# Left out on purpose, and so refused by name: EXT*, PERSID, BINPERSID, INST, OBJ, NEWOBJ, NEWOBJ_EX,
# the sets, the out-of-band buffers, and the strings of Python 2.
_BY_NAME: dict[str, _Handler] = {
    "PROTO": _protocol,
    "FRAME": _frame,
    "MARK": _Interpreter.mark,
    "POP": lambda machine: machine.stack.pop(),
    "POP_MARK": lambda machine: machine.pop_to_mark().clear(),
    "DUP": lambda machine: machine.stack.append(machine.stack[-1]),
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "INT": _int_line,
    "LONG": _int_line,
    "BININT": _number(_I32),
    "BININT1": _number(_U8),
    "BININT2": _number(_U16),
    "LONG1": _long(_U8),
    "LONG4": _long(_I32),
    "FLOAT": lambda machine: machine.stack.append(float(machine.read_line())),
    "BINFLOAT": _number(_F64),
    "UNICODE": lambda machine: machine.stack.append(machine.read_line(limit=None)),
    "BINUNICODE": _text(_U32),
    "SHORT_BINUNICODE": _text(_U8),
    "BINUNICODE8": _text(_U64),
    "BINBYTES": _raw(_U32),
    "SHORT_BINBYTES": _raw(_U8),
    "BINBYTES8": _raw(_U64),
    "BYTEARRAY8": _raw(_U64),
    "EMPTY_TUPLE": lambda machine: machine.push_container(()),
    "TUPLE": lambda machine: machine.push_container(tuple(machine.pop_to_mark())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "EMPTY_LIST": lambda machine: machine.push_container([]),
    "LIST": lambda machine: machine.push_container(machine.pop_to_mark()),
    "APPEND": lambda machine: machine.append([machine.pop()]),
    "APPENDS": lambda machine: machine.append(machine.pop_to_mark()),
    "EMPTY_DICT": lambda machine: machine.push_container({}),
    "DICT": _dict,
    "SETITEM": _set_item,
    "SETITEMS": lambda machine: machine.set_items(machine.pop_to_mark()),
    "PUT": lambda machine: machine.put(int(machine.read_line())),
    "BINPUT": _memo_put(_U8),
    "LONG_BINPUT": _memo_put(_U32),
    "GET": lambda machine: machine.get(int(machine.read_line())),
    "BINGET": _memo_get(_U8),
    "LONG_BINGET": _memo_get(_U32),
    "MEMOIZE": lambda machine: machine.put(len(machine.memo)),
    "GLOBAL": lambda machine: machine.stack.append(_find_global(machine.read_line(), machine.read_line())),
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _Interpreter.reduce,
    "BUILD": _Interpreter.build,
}
_OPCODE_NAMES = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
_HANDLERS: list[_Handler | None] = [_BY_NAME.get(_OPCODE_NAMES.get(code, "")) for code in range(256)]


# --- The last look ----------------------------------------------------------------------------------

_LEAVES = frozenset({str, int, float, bool, type(None), np.ndarray})


def _check_tree(root: object) -> None:
    """Refuse leftovers of the machine, cycles and deep nesting; each container is looked at once."""
    heights: dict[int, int] = {}
    on_the_path: set[int] = set()
    todo: list[tuple[object, bool]] = [(root, False)]
    while todo:
        value, children_done = todo.pop()
        if type(value) in _LEAVES or id(value) in heights:
            continue
        children = _children(value)
        if children_done:
            on_the_path.discard(id(value))
            heights[id(value)] = _height(children, heights)
        elif id(value) in on_the_path:
            raise _RefusedError("holds a list or dict that contains itself; annotation files have none")
        else:
            on_the_path.add(id(value))
            todo.append((value, True))
            todo.extend((child, False) for child in children if type(child) not in _LEAVES)


def _children(value: object) -> list[object] | tuple[object, ...]:
    if type(value) is dict:
        return list(value.values())
    if type(value) is list or type(value) is tuple:
        return value
    raise _RefusedError(
        f"holds a value of type {type(value).__name__.strip('_')}; get an intact annotation file"
    )


def _height(children: list[object] | tuple[object, ...], heights: dict[int, int]) -> int:
    height = 1 + max((heights.get(id(child), 0) for child in children), default=0)
    if height > MAXIMUM_DEPTH:
        raise _RefusedError(f"nests deeper than {MAXIMUM_DEPTH} levels; annotation files need about five")
    return height
