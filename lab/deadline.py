"""Waiting for something to become true, never longer than promised."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.05


class TooLateError(AssertionError):
    """Something that should have happened did not happen in time."""


def until(ask: Callable[[], T], seconds: float, what: str) -> T:
    """Ask until the answer is true and return it; raises TooLateError, naming `what`, when late."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise TooLateError(f"{what}: not within {seconds:g} s (last answer: {answer!r})")
        time.sleep(POLL_SECONDS)
