"""Make text from peers safe to show: one line, nothing a terminal acts on."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Write control and other unprintable characters as ``\xNN`` or ``\uNNNN``."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
