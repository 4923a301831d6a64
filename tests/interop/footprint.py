"""Look at what a daemon can leave behind in a network namespace."""

from lab.namespace import Namespace


def footprint(host: Namespace) -> dict[str, list[str]]:
    """List the links, routing rules and routes of a host, of which a daemon adds its own."""
    return {
        "links": [line.split(":")[1] for line in _lines(host, "link")],
        "rules": _lines(host, "rule"),
        "routes": _lines(host, "route", "show", "table", "all"),
    }


def _lines(host: Namespace, *words: str) -> list[str]:
    return sorted(host.ip("-o", *words).splitlines())
