"""Write the daemon's status as lines: for scripts, for pipes, and one tunnel in full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from isakmpd.cli.daemon_status import NEGOTIATING, UP, DaemonStatus, Peer, SaPair, Tunnel

HEADINGS: Final = ("Tunnel", "State", "Peer", "Local", "Remote", "Left", "In", "Out")
_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")
_SPANS: Final = ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))
_ADVERBS: Final = {
    "always": "kept up",
    "on-demand": "on demand",
    "passive": "left to the peer to begin",
    "manual": "brought up by hand",
}


def brief(tunnel: Tunnel) -> str:
    """Write one tunnel as a line of fields for scripts; the last one alone may hold blanks.

    They are name, state, mode, peer, local and remote network, whole seconds left, octets in and
    out, and the failure; ``-`` stands for what there is not, ``%XX`` for a blank or a ``%`` in a
    field.
    """
    left, octets_in, octets_out = tunnel.hard_in, tunnel.octets_in, tunnel.octets_out
    numbers = (None if left is None else int(left), octets_in, octets_out)
    fields = (
        tunnel.name,
        tunnel.state,
        tunnel.mode,
        tunnel.peer,
        tunnel.local,
        tunnel.remote,
        *("" if number is None else str(number) for number in numbers),
    )
    return " ".join([*(_field(one) for one in fields), tunnel.failure or "-"])


def _field(text: str) -> str:
    return text.replace("%", "%25").replace(" ", "%20") or "-"


def cells(tunnel: Tunnel) -> tuple[str, ...]:
    """Write one tunnel as the cells of a table, in the order of HEADINGS."""
    return (
        tunnel.name or "<unnamed>",
        tunnel.state,
        _whom(tunnel),
        tunnel.local or "-",
        tunnel.remote or "-",
        time_left(tunnel),
        amount(tunnel.octets_in),
        amount(tunnel.octets_out),
    )


def _whom(tunnel: Tunnel) -> str:
    addresses = [sa.dst for sa in tunnel.sas if sa.dst != tunnel.peer]
    return " ".join(dict.fromkeys([tunnel.peer, *addresses])) or "-"


def time_left(tunnel: Tunnel) -> str:
    """Tell how long the tunnel's SAs live, or when a missed one is tried again."""
    if tunnel.hard_in is not None:
        return span(tunnel.hard_in)
    if tunnel.is_missed and tunnel.state != NEGOTIATING and tunnel.next_check_in is not None:
        return f"retry {span(tunnel.next_check_in)}"
    return "-"


def span(seconds: float) -> str:
    """Write a time by its two greatest units: ``45s``, ``19m 05s``, ``3d 04h``."""
    whole = max(0, int(seconds))
    for size, unit, below, small in _SPANS:
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // below:02}{small}"
    return f"{whole}s"


def amount(octets: float | None) -> str:
    """Write a number of octets by a unit of which there are less than a thousand."""
    if octets is None:
        return "-"
    place = 0
    while octets >= 999.5 and place < len(_UNITS) - 1:
        octets /= 1000
        place += 1
    digits = 1 if place and octets < 99.95 else 0
    return f"{octets:.{digits}f} {_UNITS[place]}"


def failures(tunnels: Iterable[Tunnel]) -> Iterator[str]:
    """Say why tunnels failed last, a line for each that is not up."""
    for tunnel in tunnels:
        if tunnel.failure and tunnel.state != UP:
            yield f"{tunnel.name or '<unnamed>'}: {tunnel.failure}"


def summary(status: DaemonStatus) -> str:
    """Say how the daemon is, and how many tunnels are up."""
    up = sum(tunnel.state == UP for tunnel in status.tunnels)
    passive = "" if status.active else ", passive"
    stack = "no" if status.stack == "none" else status.stack
    return (
        f"isakmpd {status.version}, process {status.pid}, up for {span(status.uptime)}{passive},"
        f" {stack} IPsec stack; {up} of {_counted(len(status.tunnels), 'tunnel')} up"
    )


def table(tunnels: Sequence[Tunnel]) -> Iterator[str]:
    """Write tunnels as a table of plain text, as wide as it comes out."""
    rows = [HEADINGS, *map(cells, tunnels)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()


def details(tunnel: Tunnel, peers: Sequence[Peer]) -> Iterator[str]:
    """Write all that is known of one tunnel, with the ISAKMP SAs of its peer."""
    yield f"{tunnel.name}: {tunnel.state}, {_ADVERBS.get(tunnel.mode, tunnel.mode)}"
    yield _line("local", tunnel.local or "-")
    yield _line("remote", tunnel.remote or "-")
    yield _line("peer", tunnel.peer or "-")
    for peer in peers:
        if peer.name == tunnel.peer:
            yield from _phase1(peer)
    for sa in tunnel.sas:
        yield from _phase2(sa)
    if tunnel.failure:
        yield _line("failure", tunnel.failure)
    if tunnel.next_check_in is not None:
        yield _line("next check", f"in {span(tunnel.next_check_in)}")


def _phase1(peer: Peer) -> Iterator[str]:
    length = f" {peer.key_length}" if peer.key_length else ""
    yield _line("ISAKMP SA", f"{peer.encryption}{length}, {peer.hash}, {peer.group}")
    yield _line("", f"cookies {peer.icookie} {peer.rcookie}, {peer.role}")
    yield _ends(peer)
    yield _line("", f"we are {peer.local_id}, the peer is {peer.remote_id}")
    yield _lifetime(peer)


def _phase2(sa: SaPair) -> Iterator[str]:
    length = f" {sa.key_length}" if sa.key_length else ""
    authentication = f", {sa.authentication}" if sa.authentication else ""
    yield _line("IPsec SA", f"{sa.protocol} {sa.encryption}{length}{authentication}")
    role = "initiator" if sa.initiator else "responder"
    yield _line("", f"SPI {sa.spi_in} in, {sa.spi_out} out, {role}")
    yield _ends(sa)
    for direction, octets, packets in (
        ("in", sa.octets_in, sa.packets_in),
        ("out", sa.octets_out, sa.packets_out),
    ):
        if octets is not None:
            counted = "" if packets is None else f", {_counted(packets, 'packet')}"
            yield _line("", f"{amount(octets)} {direction}{counted}")
    yield _lifetime(sa)


def _ends(sa: SaPair | Peer) -> str:
    nat = ", NAT traversal" if sa.nat_t else ""
    return _line("", f"{_end(sa.src, sa.src_port)} to {_end(sa.dst, sa.dst_port)}{nat}")


def _end(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _lifetime(sa: SaPair | Peer) -> str:
    told = [
        f"{what} in {span(seconds)}"
        for what, seconds in (("replaced", sa.soft_in), ("ends", sa.hard_in))
        if seconds is not None
    ]
    return _line("", ", ".join(told) or "no end by time")


def _line(label: str, text: str) -> str:
    return f"  {label:<11} {text}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
