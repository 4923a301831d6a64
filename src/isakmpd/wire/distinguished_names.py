"""Write, read and compare the names of X.500, DER inside and text outside (RFC 5280 section 4.1.2).

Text is ``C=SE, O=Example, CN=west``, in the order of the encoding, or OpenSSL's one line,
``/C=SE/O=Example/CN=west``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from isakmpd.wire.malformed import Malformed

LONGEST = 1024  # octets
ANY_VALUE = "*"
_SEQUENCE, _SET, _OBJECT_IDENTIFIER = 0x30, 0x31, 0x06
_UTF8, _PRINTABLE, _IA5 = 0x0C, 0x13, 0x16
_ENCODINGS = {
    _UTF8: "utf-8",
    _PRINTABLE: "ascii",
    _IA5: "ascii",
    0x12: "ascii",  # NumericString
    0x14: "latin-1",  # TeletexString
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
_KEYWORDS: dict[str, str] = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.17": "postalCode",
    "2.5.4.41": "name",
    "2.5.4.42": "GN",
    "2.5.4.43": "initials",
    "2.5.4.46": "dnQualifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
    "1.2.840.113549.1.9.2": "unstructuredName",
}
# How others write the same, without regard to case.
_SPELLINGS = {keyword.lower(): oid for oid, keyword in _KEYWORDS.items()} | {
    "e": "1.2.840.113549.1.9.1",
    "email": "1.2.840.113549.1.9.1",
    "s": "2.5.4.8",
    "g": "2.5.4.42",
    "givenname": "2.5.4.42",
    "surname": "2.5.4.4",
    "sn": "2.5.4.4",
    "t": "2.5.4.12",
    "street": "2.5.4.9",
    "streetaddress": "2.5.4.9",
}
_STRING_TYPES = {
    "2.5.4.6": _PRINTABLE,
    "2.5.4.5": _PRINTABLE,
    "2.5.4.46": _PRINTABLE,
    "1.2.840.113549.1.9.1": _IA5,
    "0.9.2342.19200300.100.1.25": _IA5,
}
_OID = re.compile(r"[0-2](?:\.\d{1,20}){1,30}")
_NAME_BEGINS = re.compile(r"[A-Za-z0-9.]+\s*=")
# Octets of UTF-8 in hex, or a character that would end the value (RFC 4514 section 2.4).
_ESCAPED = re.compile(r"((?:\\[0-9a-fA-F]{2})+)|\\(.)", re.DOTALL)
_HEX = re.compile(r"#(?:[0-9a-fA-F]{2})+")
_PRINTABLE_TEXT = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*")


@dataclass(frozen=True, slots=True)
class _Attribute:
    """Hold one attribute: its type, dotted, and its value as text.

    ``encoded`` is the DER of a value that is no text, which ``value`` then shows in hex after a #.
    """

    oid: str
    value: str
    encoded: bytes = b""

    @property
    def keyword(self) -> str:
        return _KEYWORDS.get(self.oid, self.oid)

    @property
    def folded(self) -> tuple[str, str, bytes]:
        return self.oid, " ".join(self.value.split()).casefold(), self.encoded


_Relative = tuple[_Attribute, ...]  # a relative name: mostly one attribute


def text_of(der: bytes) -> str:
    """Write a name as ``C=SE, O=Example, CN=west``; octets that are no name in hex."""
    return _written(der, ", ", "+", ",")


def oneline_of(der: bytes) -> str:
    """Write a name as ``/C=SE/O=Example/CN=west``, which names its section of mode config."""
    text = _written(der, "/", "/", "/")
    return f"/{text}" if _is_name(der) else text


def same_name(one: bytes, other: bytes) -> bool:
    """Compare names by attributes, blanks folded and case ignored; raises Malformed."""
    return _alike(_read(one), _read(other), wildcards=False)


def matches(wanted: bytes, given: bytes) -> bool:
    """Compare as ``same_name``; a value that is ``*`` in what is wanted stands for any other.

    Raises Malformed.
    """
    return _alike(_read(wanted), _read(given), wildcards=True)


def has_wildcard(name: bytes) -> bool:
    """Tell whether a value stands for any other in ``matches``; raises Malformed."""
    return any(each.value == ANY_VALUE for relative in _read(name) for each in relative)


def der_of(text: str) -> bytes:
    """Encode a name written in either form; raises ValueError that says what was expected."""
    relatives = [
        [_parsed(each) for each in parts]
        for parts in (_split_oneline(text) if text.startswith("/") else _split(text))
    ]
    if not relatives:
        raise ValueError("expected a name such as C=SE, O=Example, CN=west")
    encoded = b"".join(
        _element(_SET, b"".join(sorted(map(_encoded, relative)))) for relative in relatives
    )
    name = _element(_SEQUENCE, encoded)
    if len(name) > LONGEST:
        raise ValueError(f"a name of {len(name)} octets, expected {LONGEST} at most")
    return name


def _alike(wanted: Sequence[_Relative], given: Sequence[_Relative], *, wildcards: bool) -> bool:
    if len(wanted) != len(given):
        return False
    return all(map(_suit if wildcards else _equal, wanted, given))


def _equal(one: _Relative, other: _Relative) -> bool:
    return sorted(each.folded for each in one) == sorted(each.folded for each in other)


def _suit(wanted: _Relative, given: _Relative) -> bool:
    exact = Counter(each.folded for each in wanted if each.value != ANY_VALUE)
    left = Counter(each.folded for each in given)
    if not exact <= left:
        return False
    left -= exact
    any_value = Counter(each.oid for each in wanted if each.value == ANY_VALUE)
    return any_value == Counter(oid for oid, _, _ in left.elements())


# Text


def _written(der: bytes, between: str, within: str, special: str) -> str:
    try:
        relatives = _read(der)
    except Malformed:
        return der.hex()
    return between.join(
        within.join(f"{each.keyword}={_shown(each, special)}" for each in relative)
        for relative in relatives
    )


def _is_name(der: bytes) -> bool:
    try:
        return bool(_read(der))
    except Malformed:
        return False


def _shown(attribute: _Attribute, special: str) -> str:
    """Escape what would end the value or be lost at its ends, and what is not to be printed."""
    value = attribute.value
    if attribute.encoded:
        return value
    marked = re.sub(rf"^#|[\\+{re.escape(special)}]", r"\\\g<0>", value)
    marked = re.sub(r"^ | $", r"\\20", marked)
    return "".join(
        char if char.isprintable() else "".join(f"\\{octet:02x}" for octet in char.encode())
        for char in marked
    )


def _split(text: str) -> Iterator[list[str]]:
    """Split at commas, and within at plus signs, that nothing escapes."""
    for relative in _pieces(text, ","):
        yield list(_pieces(relative, "+"))


def _split_oneline(text: str) -> Iterator[list[str]]:
    """Split at slashes that begin an attribute: a value may hold others."""
    found: list[str] = []
    for piece in _pieces(text[1:], "/"):
        if found and not _NAME_BEGINS.match(piece):
            found[-1] += "/" + piece
        else:
            found.append(piece)
    return ([each] for each in found)


def _pieces(text: str, separator: str) -> Iterator[str]:
    pieces = re.findall(rf"(?:\\.|[^\\{re.escape(separator)}])+", text, re.DOTALL)
    return (piece for piece in map(str.strip, pieces) if piece)


def _parsed(text: str) -> _Attribute:
    keyword, equals, value = text.partition("=")
    keyword = keyword.strip()
    oid = _SPELLINGS.get(keyword.lower(), keyword)
    if not equals or not _OID.fullmatch(oid):
        known = ", ".join(_KEYWORDS.values())
        raise ValueError(f"{text!r} is no attribute; expected TYPE=value, TYPE one of {known}")
    if not value.strip():
        raise ValueError(f"{keyword} has no value; expected {keyword}=value")
    if _HEX.fullmatch(value.strip()):
        return _Attribute(oid, value.strip(), _one_element(bytes.fromhex(value.strip()[1:])))
    return _Attribute(oid, _ESCAPED.sub(_unescaped, value.strip()))


def _one_element(octets: bytes) -> bytes:
    try:
        if len(list(_elements(octets))) == 1:
            return octets
    except Malformed:
        pass
    raise ValueError(f"#{octets.hex()} is no DER; expected one element in hex, or \\# for text")


def _unescaped(escaped: re.Match[str]) -> str:
    octets, character = escaped.groups()
    if octets is None:
        return character
    try:
        return bytes.fromhex(octets.replace("\\", "")).decode()
    except UnicodeDecodeError:
        raise ValueError(f"{octets} is no UTF-8; expected the octets of characters") from None


# DER


def _read(der: bytes) -> tuple[_Relative, ...]:
    """Read a Name; raises Malformed."""
    if len(der) > LONGEST:
        raise Malformed(f"a name of {len(der)} octets, expected {LONGEST} at most")
    outer = list(_elements(der))
    if len(outer) != 1 or outer[0][0] != _SEQUENCE:
        raise Malformed("a name that is no DER sequence")
    return tuple(_relative(tag, content) for tag, content in _elements(outer[0][1]))


def _relative(tag: int, content: bytes) -> _Relative:
    if tag != _SET:
        raise Malformed("a name whose parts are no DER sets")
    return tuple(_attribute(each_tag, each) for each_tag, each in _elements(content))


def _attribute(tag: int, content: bytes) -> _Attribute:
    parts = list(_elements(content))
    if tag != _SEQUENCE or len(parts) != 2 or parts[0][0] != _OBJECT_IDENTIFIER:
        raise Malformed("a name with an attribute that is no pair of type and value")
    oid, (value_tag, value) = _dotted(parts[0][1]), parts[1]
    try:
        return _Attribute(oid, value.decode(_ENCODINGS[value_tag]))
    except (KeyError, UnicodeDecodeError):
        encoded = _element(value_tag, value)
        return _Attribute(oid, f"#{encoded.hex()}", encoded)


def _dotted(content: bytes) -> str:
    numbers, number = [], 0
    for octet in content:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    if not content or content[-1] & 0x80:
        raise Malformed("a name with an object identifier that does not end")
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def _elements(octets: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(octets):
        if len(octets) < at + 2:
            raise Malformed("a name that ends within an element")
        tag, length, at = octets[at], octets[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 2 or len(octets) < at + size:
                raise Malformed("a name with a length that cannot be read")
            length, at = int.from_bytes(octets[at : at + size]), at + size
        if len(octets) < at + length:
            raise Malformed("a name that ends within an element")
        yield tag, octets[at : at + length]
        at += length


def _element(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size) + content


def _encoded(attribute: _Attribute) -> bytes:
    oid = _element(_OBJECT_IDENTIFIER, _packed(attribute.oid))
    return _element(_SEQUENCE, oid + (attribute.encoded or _string(attribute)))


def _string(attribute: _Attribute) -> bytes:
    tag = _STRING_TYPES.get(attribute.oid, _UTF8)
    if tag == _PRINTABLE and not _PRINTABLE_TEXT.fullmatch(attribute.value):
        tag = _UTF8
    if tag == _IA5 and not attribute.value.isascii():
        tag = _UTF8
    try:
        return _element(tag, attribute.value.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{attribute.keyword} is no UTF-8; expected text in UTF-8") from None


def _packed(oid: str) -> bytes:
    first, second, *others = map(int, oid.split("."))
    found = b""
    for number in (40 * first + second, *others):
        octets = [number & 0x7F]
        while number := number >> 7:
            octets.append(0x80 | number & 0x7F)
        found += bytes(reversed(octets))
    return found
