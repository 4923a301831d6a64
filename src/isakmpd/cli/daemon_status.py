"""Read the status that the daemon writes as JSON into values.

Text in it may come from peers: it is made printable here, once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from isakmpd.cli.fifo_client import ControlError, FifoClient
from isakmpd.cli.outcomes import refusal
from isakmpd.control.printable import printable

UP: Final = "up"
NEGOTIATING: Final = "negotiating"
ALWAYS: Final = "always"


@dataclass(frozen=True, slots=True)
class SaPair:
    """Show one pair of IPsec SAs; key lengths in bits, times in seconds."""

    spi_in: str
    spi_out: str
    protocol: str
    encryption: str
    key_length: int | None
    authentication: str
    src: str
    src_port: int
    dst: str
    dst_port: int
    nat_t: bool
    initiator: bool
    octets_in: int | None
    octets_out: int | None
    packets_in: int | None
    packets_out: int | None
    soft_in: float | None
    hard_in: float | None


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Show one configured connection, or what runs without one: its name is empty then.

    ``state`` is up, negotiating, waiting or down, ``mode`` always, on-demand, passive or manual.
    """

    name: str
    peer: str
    state: str
    mode: str
    local: str
    remote: str
    failure: str
    next_check_in: float | None
    sas: tuple[SaPair, ...]

    @property
    def hard_in(self) -> float | None:
        """Give the seconds its newest SAs have left."""
        return max((sa.hard_in for sa in self.sas if sa.hard_in is not None), default=None)

    @property
    def octets_in(self) -> int | None:
        """Count what its SAs have received."""
        return _sum(sa.octets_in for sa in self.sas)

    @property
    def octets_out(self) -> int | None:
        """Count what its SAs have sent."""
        return _sum(sa.octets_out for sa in self.sas)

    @property
    def is_missed(self) -> bool:
        """Tell whether it is to be up whatever happens and is not."""
        return self.mode == ALWAYS and self.state != UP


@dataclass(frozen=True, slots=True)
class Peer:
    """Show one ISAKMP SA; key length in bits, times in seconds."""

    name: str
    role: str
    src: str
    src_port: int
    dst: str
    dst_port: int
    nat_t: bool
    local_id: str
    remote_id: str
    encryption: str
    key_length: int | None
    hash: str
    group: str
    icookie: str
    rcookie: str
    soft_in: float | None
    hard_in: float | None


@dataclass(frozen=True, slots=True)
class RunningExchange:
    """Show one exchange that is under way."""

    name: str
    type: str
    phase: int
    role: str
    step: int
    src: str
    dst: str
    heard: str


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """Show everything; ``text`` is the JSON it was read from."""

    text: str
    version: str
    pid: int
    uptime: float
    active: bool
    stack: str
    run_directory: str
    configuration_file: str
    capture: str | None
    log_levels: Mapping[str, int]
    connections: tuple[Tunnel, ...]
    unnamed: tuple[Tunnel, ...]
    peers: tuple[Peer, ...]
    exchanges: tuple[RunningExchange, ...]

    @property
    def tunnels(self) -> tuple[Tunnel, ...]:
        """Give the configured connections, then what belongs to none."""
        return self.connections + self.unnamed

    def connection(self, name: str) -> Tunnel:
        """Find a connection, in any case of letters; raises ControlError with its neighbours."""
        for tunnel in self.connections:
            if tunnel.name.lower() == name.lower():
                return tunnel
        raise ControlError(f'there is no connection "{printable(name)}"{self._near(name)}')

    def _near(self, name: str) -> str:
        from difflib import get_close_matches  # noqa: PLC0415  mistakes may take their time

        spelled = {tunnel.name.lower(): tunnel.name for tunnel in self.connections}
        holding = [one for one in spelled if name and name.lower() in one][:3]
        near = [spelled[one] for one in get_close_matches(name.lower(), spelled) or holding]
        return f"; did you mean {' or '.join(near)}?" if near else ""


def ask_status(client: FifoClient) -> DaemonStatus:
    """Ask the daemon how it is; raises ControlError."""
    answer = client.ask("s")
    if not answer.ok:
        raise refusal(answer)
    return read_status(answer.result)


def read_status(text: str) -> DaemonStatus:
    """Read the JSON; raises ControlError naming what it lacks."""
    try:
        found = _clean(json.loads(text))
        return DaemonStatus(
            text=text,
            connections=tuple(_tunnel(one) for one in found["connections"]),
            unnamed=tuple(_of_no_connection(_sa_pair(one)) for one in found["unnamed"]),
            peers=tuple(Peer(**_fields(Peer, one)) for one in found["peers"]),
            exchanges=tuple(
                RunningExchange(**_fields(RunningExchange, one)) for one in found["exchanges"]
            ),
            **{name: found[name] for name in _PLAIN},
        )
    except KeyError as missing:
        raise ControlError(f"the status isakmpd tells lacks {missing}") from None
    except (ValueError, TypeError, AttributeError):
        raise ControlError("isakmpd told something else than a status") from None


_PLAIN: Final = (
    *("version", "pid", "uptime", "active", "stack", "run_directory", "configuration_file"),
    *("capture", "log_levels"),
)


def _clean(value: Any) -> Any:
    match value:
        case str():
            return printable(value)
        case list():
            return [_clean(one) for one in value]
        case dict():
            return {printable(name): _clean(one) for name, one in value.items()}
    return value


def _fields(kind: type[Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Take what a value has room for: a newer daemon may tell more."""
    return {name: found[name] for name in kind.__slots__}


def _sa_pair(found: Mapping[str, Any]) -> SaPair:
    return SaPair(**_fields(SaPair, found))


def _tunnel(found: Mapping[str, Any]) -> Tunnel:
    sas = tuple(_sa_pair(one) for one in found["sas"])
    return Tunnel(**{**_fields(Tunnel, found), "sas": sas})


def _of_no_connection(sa: SaPair) -> Tunnel:
    return Tunnel("", sa.dst, UP, "", "", "", "", None, (sa,))


def _sum(counts: Any) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
