"""Make up payloads from the very declarations that code them."""

from __future__ import annotations

from typing import Any, get_type_hints

from hypothesis import strategies as st

from isakmpd.wire.attributes import Attribute
from isakmpd.wire.header import Header
from isakmpd.wire.layout import Fixed, Nested, Rest, Sized, SizedMany
from isakmpd.wire.numbers import ExchangeType, Flags, PayloadType
from isakmpd.wire.payloads import PAYLOADS, Payload, Proposal, Transform, Unknown

LIMITS = {"B": 0xFF, "H": 0xFFFF, "I": 0xFFFFFFFF}
STANDALONE = [cls for cls in PAYLOADS.values() if cls not in (Proposal, Transform)]

attributes = st.builds(
    Attribute, st.integers(0, 0x7FFF), st.binary(min_size=2, max_size=2), st.just(True)
) | st.builds(Attribute, st.integers(0, 0x7FFF), st.binary(max_size=40), st.just(False))


def equally_long(size: int) -> st.SearchStrategy[tuple[bytes, ...]]:
    return st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=5).map(tuple)


def values(name: str, codec: Any, annotated: Any) -> st.SearchStrategy[Any]:
    """Make up a field's values, as far as its codec can carry them."""
    match codec:
        case Fixed(letter):
            return st.integers(0, LIMITS[letter]).map(annotated)
        case Sized():
            return st.binary(max_size=255)
        case SizedMany():
            return st.just(()) | st.integers(1, 255).flatmap(equally_long)
        case Rest():
            return st.binary(max_size=300)
        case Nested():
            elements = {
                "attributes": attributes,
                "transforms": st.deferred(lambda: payloads_of(Transform)),
                "proposals": st.deferred(lambda: payloads_of(Proposal)),
            }[name]
            return st.lists(elements, max_size=4).map(tuple)
    raise TypeError(f"no values for {codec}")


def payloads_of(cls: type[Payload]) -> st.SearchStrategy[Payload]:
    """Make up payloads of a class."""
    hints = get_type_hints(cls)
    return st.builds(
        cls, **{name: values(name, codec, hints[name]) for name, codec in cls.layout.fields}
    )


unknown = st.builds(
    Unknown,
    st.integers(1, 255).filter(lambda kind: PAYLOADS.get(PayloadType(kind)) not in STANDALONE),
    st.binary(max_size=100),
)
chains = st.lists(st.one_of(unknown, *map(payloads_of, STANDALONE)), max_size=6).map(tuple)
cookies = st.binary(min_size=8, max_size=8)
headers = st.builds(
    Header,
    cookies.filter(any),
    cookies,
    st.integers(0, 255).map(PayloadType),
    st.integers(0, 255).map(ExchangeType),
    st.integers(0, 7).map(Flags),
    st.integers(0, 0xFFFFFFFF),
)
