"""Derive a payload's encoding, decoding and log line from its one declaration.

A payload class lists its fields in the order of the RFC's figure, each annotated with how it is
coded. What can be computed (a size, a count) is declared as a ``ClassVar`` in its place and never
stored; reserved octets likewise.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, ClassVar, get_args, get_origin, get_type_hints

from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import Members, OpenEnum


@dataclass(frozen=True, slots=True)
class Fixed:
    """Code a number in a fixed count of octets."""

    format: str


U8 = Fixed("B")
U16 = Fixed("H")
U32 = Fixed("I")


@dataclass(frozen=True, slots=True)
class SizeOf:
    """Stand where the RFC puts the size in octets of ``field`` (of each element, for a tuple)."""

    field: str
    format: str = "B"


@dataclass(frozen=True, slots=True)
class CountOf:
    """Stand where the RFC puts the number of elements of ``field``."""

    field: str
    format: str = "B"


@dataclass(frozen=True, slots=True)
class Reserved:
    """Stand for octets that are sent as zero and not looked at."""

    octets: int


Derived = SizeOf | CountOf | Reserved


@dataclass(frozen=True, slots=True)
class Sized:
    """Code octets whose length a SizeOf gives."""

    def read(self, body: bytes, start: int, size: int, _count: int) -> tuple[bytes, int]:
        """Give the octets and where they end."""
        return body[start : start + size], start + size

    def write(self, value: bytes) -> bytes:
        """Give the octets."""
        return value


@dataclass(frozen=True, slots=True)
class SizedMany:
    """Code a tuple of equally long octet strings, counted by a CountOf and measured by a SizeOf."""

    def read(self, body: bytes, start: int, size: int, count: int) -> tuple[tuple[bytes, ...], int]:
        """Give the octet strings and where they end; raises Malformed for strings of nothing."""
        if size == 0 and count:
            raise Malformed(f"a list of {count} values of no octets")
        end = start + size * count
        if end > len(body):
            return (), end  # which the layout refuses, before 65,535 values cost their making
        return tuple(body[i : i + size] for i in range(start, end, size or 1)), end

    def write(self, value: tuple[bytes, ...]) -> bytes:
        """Give the octets."""
        return b"".join(value)


@dataclass(frozen=True, slots=True)
class Rest:
    """Code octets that reach to the end of the payload."""

    def read(self, body: bytes, start: int, _size: int, _count: int) -> tuple[bytes, int]:
        """Give the octets and where they end."""
        return body[start:], len(body)

    def write(self, value: bytes) -> bytes:
        """Give the octets."""
        return value


@dataclass(frozen=True, slots=True)
class Nested:
    """Code values that reach to the end of the payload, by their own two functions."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], tuple[Any, ...]]

    def read(self, body: bytes, start: int, _size: int, _count: int) -> tuple[tuple[Any, ...], int]:
        """Give the values and where they end."""
        return self.decode(body[start:]), len(body)

    def write(self, value: tuple[Any, ...]) -> bytes:
        """Give the octets."""
        return self.encode(value)


Variable = Sized | SizedMany | Rest | Nested


@dataclass(frozen=True, slots=True)
class Tail:
    """Place a variable field: which numbers of the head measure and count it, if any."""

    name: str
    codec: Variable
    size_at: int | None
    count_at: int | None


class Layout:
    """Encode and decode the body of one payload class."""

    def __init__(self, cls: type[Any]) -> None:
        self.name = cls.__name__
        self._cls = cls
        self._head: list[tuple[str, Callable[[int], Any] | None, Fixed | Derived]] = []
        variable: list[tuple[str, Variable]] = []
        for name, hint in get_type_hints(cls, include_extras=True).items():
            self._add(name, hint, getattr(cls, name, None), variable)
        formats = [f"{c.octets}x" if isinstance(c, Reserved) else c.format for *_, c in self._head]
        self._struct = struct.Struct("!" + "".join(formats))
        self.minimum = self._struct.size
        numbers = [entry for entry in self._head if not isinstance(entry[2], Reserved)]
        self._measures = [_measure(name, codec) for name, _, codec in numbers]
        self._converts = [(at, c) for at, (_, c, _) in enumerate(numbers) if c is not None]
        codecs = [codec for *_, codec in numbers]
        self._tail = [
            Tail(name, codec, _find(codecs, SizeOf, name), _find(codecs, CountOf, name))
            for name, codec in variable
        ]

    def _add(
        self, name: str, hint: Any, derived: object, variable: list[tuple[str, Variable]]
    ) -> None:
        if get_origin(hint) is ClassVar:
            if isinstance(derived, Derived):
                self._head.append((name, None, derived))
            return
        if get_origin(hint) is not Annotated:
            raise TypeError(f"{self.name}.{name} does not say how it is coded")
        convert, codec = get_args(hint)[:2]
        if not isinstance(codec, Fixed):
            variable.append((name, codec))
            return
        if variable:
            raise TypeError(f"{self.name}.{name} of fixed size follows a variable field")
        known = issubclass(convert, OpenEnum)
        self._head.append((name, Members(convert).__getitem__ if known else convert, codec))

    @property
    def fields(self) -> list[tuple[str, Any]]:
        """List the stored fields with how each is coded, for tests that make values up."""
        fixed = [(name, codec) for name, _, codec in self._head if isinstance(codec, Fixed)]
        return [*fixed, *((tail.name, tail.codec) for tail in self._tail)]

    def encode(self, payload: Any) -> bytes:
        """Give the body's octets."""
        octets = self._struct.pack(*[measure(payload) for measure in self._measures])
        for tail in self._tail:
            octets += tail.codec.write(getattr(payload, tail.name))
        return octets

    def decode(self, body: bytes) -> Any:
        """Build the payload from its body; raises Malformed for missing or left over octets."""
        length = len(body)
        if length < self.minimum:
            raise Malformed(
                f"{self.name} payload of {length} octets, expected at least {self.minimum}"
            )
        numbers = self._struct.unpack_from(body)
        values = [convert(numbers[at]) for at, convert in self._converts]
        position = self.minimum
        for tail in self._tail:
            size = 0 if tail.size_at is None else numbers[tail.size_at]
            count = 0 if tail.count_at is None else numbers[tail.count_at]
            value, position = tail.codec.read(body, position, size, count)
            if position > length:
                raise Malformed(f"{self.name} payload ends inside its {tail.name}")
            if tail.count_at is not None and len(value) != count:
                raise Malformed(
                    f"{self.name} payload announces {count} {tail.name} and holds {len(value)}"
                )
            values.append(value)
        if position != length:
            raise Malformed(f"{self.name} payload with {length - position} octets left over")
        return self._cls(*values)

    def describe(self, payload: Any) -> str:
        """Print the payload on one line for logs."""
        parts = []
        for name, _ in self.fields:
            value = getattr(payload, name)
            parts.append(f"{name} {_describe_value(value)}")
        return f"{self.name}({', '.join(parts)})"


def _describe_value(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 20 else f"{value[:16].hex()}... ({len(value)})"
    if isinstance(value, tuple):
        return "[" + ", ".join(_describe_value(item) for item in value) + "]"
    return str(value)


def _measure(name: str, codec: Fixed | Derived) -> Callable[[Any], int]:
    """Tell how to find a number of the head in a payload."""
    if isinstance(codec, SizeOf):
        field_of = attrgetter(codec.field)

        def size(payload: Any) -> int:
            value = field_of(payload)
            return len(value[0]) if isinstance(value, tuple) and value else len(value)

        return size
    if isinstance(codec, CountOf):
        elements_of = attrgetter(codec.field)
        return lambda payload: len(elements_of(payload))
    return attrgetter(name)


def _find(codecs: list[Fixed | Derived], kind: type[SizeOf | CountOf], field: str) -> int | None:
    """Find the number of the head that speaks of ``field``."""
    found = (at for at, c in enumerate(codecs) if isinstance(c, kind) and c.field == field)
    return next(found, None)
