"""Samples, what is told of them, and tables."""

import statistics
from collections.abc import Mapping, Sequence


def told(samples: Sequence[float], digits: int = 2) -> str:
    """Write the median, and the extremes it lies between."""
    if not samples:
        return "-"
    low, middle, high = min(samples), statistics.median(samples), max(samples)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the ratio of the medians, the round's noise being in both."""
    return statistics.median(ours) / statistics.median(theirs)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set a table in columns: words to the left, numbers to the right."""
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    set_lines = []
    for line in lines:
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        set_lines.append("  ".join((first, *others)).rstrip())
    set_lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(set_lines)


def ratios_line(named: Mapping[str, float]) -> str:
    """Write ratios on one line."""
    return ", ".join(f"{name} {value:.2f}" for name, value in named.items())
