"""Run scenarios beside each other: each spends most of its time waiting."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def running(
    scenarios: Collection[Callable[[], T]],
) -> Iterator[Mapping[Callable[[], T], Future[T]]]:
    """Start every scenario at once; a test asks for the result of its own."""
    with ThreadPoolExecutor(len(scenarios)) as threads:
        yield {scenario: threads.submit(scenario) for scenario in scenarios}
