"""Derive a payload's encoding, decoding and log line from its one declaration.

A payload class lists its fields in the order of the RFC's figure, each annotated with how it is
coded. What can be computed (a size, a count) is declared as a ``ClassVar`` in its place and never
stored; reserved octets likewise.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, get_args, get_origin, get_type_hints

from isakmpd.wire.malformed import Malformed


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


@dataclass(frozen=True, slots=True)
class SizedMany:
    """Code a tuple of equally long octet strings, counted by a CountOf and measured by a SizeOf."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Code octets that reach to the end of the payload."""


@dataclass(frozen=True, slots=True)
class Nested:
    """Code values that reach to the end of the payload, by their own two functions."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], tuple[Any, ...]]


Variable = Sized | SizedMany | Rest | Nested


class Layout:
    """Encode and decode the body of one payload class."""

    def __init__(self, cls: type[Any]) -> None:
        self.name = cls.__name__
        self._cls = cls
        self._fixed: list[tuple[str, Callable[[int], Any]]] = []
        self._head: list[Fixed | Derived] = []
        self._tail: list[tuple[str, Variable]] = []
        for name, hint in get_type_hints(cls, include_extras=True).items():
            self._add(cls, name, hint)
        formats = [f"{c.octets}x" if isinstance(c, Reserved) else c.format for c in self._head]
        self._struct = struct.Struct("!" + "".join(formats))
        self.minimum = self._struct.size

    def _add(self, cls: type[Any], name: str, hint: Any) -> None:
        if get_origin(hint) is ClassVar:
            derived = getattr(cls, name, None)
            if isinstance(derived, Derived):
                self._head.append(derived)
            return
        if get_origin(hint) is not Annotated:
            raise TypeError(f"{self.name}.{name} does not say how it is coded")
        convert, codec = get_args(hint)[:2]
        if isinstance(codec, Fixed):
            self._fixed.append((name, convert))
            self._head.append(codec)
        else:
            self._tail.append((name, codec))

    @property
    def fields(self) -> list[tuple[str, Any]]:
        """List the stored fields with how each is coded, for tests that make values up."""
        fixed = [codec for codec in self._head if isinstance(codec, Fixed)]
        named = [name for name, _ in self._fixed]
        return [*zip(named, fixed, strict=True), *self._tail]

    def encode(self, payload: Any) -> bytes:
        """Give the body's octets."""
        numbers: list[int] = []
        fixed = iter(self._fixed)
        for codec in self._head:
            if isinstance(codec, Fixed):
                numbers.append(getattr(payload, next(fixed)[0]))
            elif isinstance(codec, SizeOf):
                value = getattr(payload, codec.field)
                numbers.append(len(value[0]) if isinstance(value, tuple) and value else len(value))
            elif isinstance(codec, CountOf):
                numbers.append(len(getattr(payload, codec.field)))
        parts = [self._struct.pack(*numbers)]
        for name, variable in self._tail:
            value = getattr(payload, name)
            if isinstance(variable, Nested):
                parts.append(variable.encode(value))
            elif isinstance(variable, SizedMany):
                parts.extend(value)
            else:
                parts.append(value)
        return b"".join(parts)

    def decode(self, body: bytes) -> Any:
        """Build the payload from its body; raises Malformed for missing or left over octets."""
        if len(body) < self.minimum:
            raise Malformed(
                f"{self.name} payload of {len(body)} octets, expected at least {self.minimum}"
            )
        values, sizes, counts = self._decode_head(body)
        position = self.minimum
        for name, variable in self._tail:
            if isinstance(variable, Rest):
                values[name], position = body[position:], len(body)
            elif isinstance(variable, Nested):
                values[name], position = variable.decode(body[position:]), len(body)
            else:
                count = counts[name] if isinstance(variable, SizedMany) else 1
                end = position + sizes[name] * count
                if end > len(body):
                    raise Malformed(f"{self.name} payload ends inside its {name}")
                octets = body[position:end]
                values[name] = (
                    split(octets, sizes[name], count) if isinstance(variable, SizedMany) else octets
                )
                position = end
        if position != len(body):
            raise Malformed(f"{self.name} payload with {len(body) - position} octets left over")
        for name, count in counts.items():
            if len(values[name]) != count:
                raise Malformed(
                    f"{self.name} payload announces {count} {name} and holds {len(values[name])}"
                )
        return self._cls(**values)

    def _decode_head(self, body: bytes) -> tuple[dict[str, Any], dict[str, int], dict[str, int]]:
        values: dict[str, Any] = {}
        sizes: dict[str, int] = {}
        counts: dict[str, int] = {}
        fixed = iter(self._fixed)
        numbers = iter(self._struct.unpack_from(body))
        for codec in self._head:
            if isinstance(codec, Fixed):
                name, convert = next(fixed)
                number = next(numbers)
                values[name] = number if convert is int else convert(number)
            elif isinstance(codec, SizeOf):
                sizes[codec.field] = next(numbers)
            elif isinstance(codec, CountOf):
                counts[codec.field] = next(numbers)
        return values, sizes, counts

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


def split(octets: bytes, size: int, count: int) -> tuple[bytes, ...]:
    """Cut octets into ``count`` pieces of ``size``; raises Malformed for pieces of nothing."""
    if size == 0 and count:
        raise Malformed("a list of SPIs of no octets")
    return tuple(octets[i : i + size] for i in range(0, size * count, size)) if size else ()
