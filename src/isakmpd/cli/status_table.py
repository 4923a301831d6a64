"""Draw the daemon's status for a terminal, as wide as that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from isakmpd.cli.daemon_status import NEGOTIATING, UP, DaemonStatus, Tunnel
from isakmpd.cli.status_lines import HEADINGS, cells, failures, summary

_STYLES: Final = {UP: "green", NEGOTIATING: "yellow", "waiting": "cyan"}


def status_view(status: DaemonStatus, width: int) -> Group:
    """Draw how the daemon is, its tunnels, and why those that are not up failed last.

    A table that is wider than ``width`` gives way to some lines for each tunnel.
    """
    tunnels = status.tunnels
    shown: list[RenderableType] = [Text(summary(status)), Text("")]
    if not _fits(tunnels, width):
        shown += [line for tunnel in tunnels for line in _block(tunnel)]
    elif tunnels:
        shown.append(_table(tunnels))
    for line in failures(tunnels):
        shown += [Text(""), Text(line, style="red")]
    return Group(*shown)


def _fits(tunnels: Sequence[Tunnel], width: int) -> bool:
    rows = [HEADINGS, *map(cells, tunnels)]
    columns = (max(len(row[place]) for row in rows) for place in range(len(HEADINGS)))
    return sum(columns) + 2 * len(HEADINGS) <= width


def _table(tunnels: Sequence[Tunnel]) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in HEADINGS:
        drawn.add_column(heading, justify="right" if heading in ("In", "Out") else "left")
    for tunnel in tunnels:
        name, state, *others = map(Text, cells(tunnel))
        name.stylize("bold")
        state.stylize(_style(tunnel))
        drawn.add_row(name, state, *others)
    return drawn


def _block(tunnel: Tunnel) -> Iterator[RenderableType]:
    name, state, peer, local, remote, left, octets_in, octets_out = cells(tunnel)
    yield Text.assemble((name, "bold"), " ", (state, _style(tunnel)), " ", peer)
    told = []
    if tunnel.local:
        told.append(f"{local} to {remote}")
    if tunnel.hard_in is not None:
        told.append(f"{left} left, {octets_in} in, {octets_out} out")
    elif left != "-":
        told.append(left)
    for line in told:
        yield Padding(Text(line), (0, 0, 0, 2), expand=False)


def _style(tunnel: Tunnel) -> str:
    if tunnel.is_missed and tunnel.state != NEGOTIATING:
        return "red"
    return _STYLES.get(tunnel.state, "dim")
