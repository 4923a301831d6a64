"""Choose the IPsec stack the configuration asks for, and say which and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class StackKind(Enum):
    """Name the stacks this version has."""

    USERSPACE = "userspace"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Choice:
    """Hold the stack chosen, and the sentence that says why."""

    kind: StackKind
    sentence: str


def choose_stack(wanted: str, *, kernel_takes_part: bool) -> Choice:
    """Choose for ``[General]:IPsec-stack``; ``kernel_takes_part`` is false with -n.

    Raises ValueError, with the sentence to show, for a stack this version does not have.
    """
    if not kernel_takes_part:
        return Choice(StackKind.NONE, "IPsec stack: none, as -n asks: nothing is carried")
    match wanted:
        case "none":
            return Choice(StackKind.NONE, "IPsec stack: none, as configured: nothing is carried")
        case "userspace":
            return Choice(StackKind.USERSPACE, "IPsec stack: userspace, as configured")
        case "auto":
            return Choice(
                StackKind.USERSPACE,
                "IPsec stack: userspace, the one that carries traffic in this version",
            )
    raise ValueError(
        f"[General]:IPsec-stack= {wanted} is not supported by this version, expected auto, "
        "userspace or none"
    )


def acquire_only_sentence(kind: StackKind) -> str:
    """Say what comes of SAs without flows on a stack that has flows of nobody else's."""
    if kind is StackKind.NONE:
        return "SAs are negotiated without flows"
    return (
        "SAs are installed without flows and guards, and the userspace stack carries nothing out"
        " for want of flows; packets of its connections may leave in clear"
    )
