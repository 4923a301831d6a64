"""A tunnel with strongSwan for each type of phase 1 identity and each way to find the key.

Main and aggressive mode need an isakmpd each: a Default peer has one of the two.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.interop.configurations import AGGRESSIVE, MAIN, SECRET, Name
from tests.interop.tunnels import STRONGSWAN, Outcome, Row, Tunnel, of_each_role, run

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]

HEX = "0x00ff10c0ffee20aa55deadbeef"
OF_ITS_OWN = "a key of its own"


def named(exchange: str, *, ours: Name | None, theirs: Name | None) -> Row:
    """Make the row of two identities, each of which the other side demands."""
    types = [name.type if name else "address" for name in (ours, theirs)]
    return Row(
        f"{exchange}: {types[0]} and {types[1]}", exchange=exchange, ours=ours, theirs=theirs
    )


def stranger(exchange: str, *, theirs: Name | None = None, key_stands_in: str = "") -> Row:
    """Make the row of a peer whose address we do not know."""
    by = f"key of {key_stands_in}" if key_stands_in else "key of the Default peer"
    return Row(
        f"{exchange}: {theirs.type if theirs else 'address'} of a stranger, {by}",
        exchange=exchange,
        theirs=theirs,
        secret=OF_ITS_OWN if key_stands_in else SECRET,
        stranger=True,
        key_stands_in=key_stands_in,
        begun_by=(STRONGSWAN,),
    )


def in_any_mode(exchange: str) -> tuple[Row, ...]:
    """Give the rows that both modes have."""
    return (
        named(exchange, ours=None, theirs=None),
        named(
            exchange,
            ours=Name("FQDN", "west.example"),
            theirs=Name("FQDN", "east.example"),
        ),
        named(
            exchange,
            ours=Name("USER_FQDN", "west@example.net"),
            theirs=Name("USER_FQDN", "east@example.net"),
        ),
        named(
            exchange,
            ours=Name("KEY_ID", "west group"),
            theirs=Name("KEY_ID", "0x0001c0ffee"),
        ),
        named(exchange, ours=Name("IPV4_ADDR", "10.1.2.3"), theirs=Name("FQDN", "mixed.example")),
        Row(f"{exchange}: hexadecimal key", exchange=exchange, secret=HEX),
        stranger(exchange, theirs=Name("FQDN", "anybody.example")),
    )


MODES = {
    MAIN: (*in_any_mode(MAIN), stranger(MAIN, key_stands_in="{address}")),
    AGGRESSIVE: (
        *in_any_mode(AGGRESSIVE),
        stranger(AGGRESSIVE, key_stands_in="{address}"),
        stranger(
            AGGRESSIVE,
            theirs=Name("FQDN", "road.example"),
            key_stands_in="road.example",
        ),
        stranger(
            AGGRESSIVE,
            theirs=Name("USER_FQDN", "warrior@example.net"),
            key_stands_in="warrior@example.net",
        ),
        stranger(AGGRESSIVE, theirs=Name("KEY_ID", "any group")),
    ),
}
TUNNELS = {mode: of_each_role(rows) for mode, rows in MODES.items()}
CASES = [(mode, tunnel) for mode, tunnels in TUNNELS.items() for tunnel in tunnels]


@pytest.fixture(scope="module")
def outcomes() -> Iterator[Mapping[str, Future[Mapping[Tunnel, Outcome]]]]:
    """The tunnels of both modes, side by side."""
    with ThreadPoolExecutor() as threads:
        yield {mode: threads.submit(run, tunnels) for mode, tunnels in TUNNELS.items()}


@pytest.mark.parametrize(("mode", "tunnel"), CASES, ids=[str(tunnel) for _, tunnel in CASES])
def test_a_peer_is_known_by_its_identity_and_key(
    outcomes: Mapping[str, Future[Mapping[Tunnel, Outcome]]],
    mode: str,
    tunnel: Tunnel,
    record_property: Callable[[str, object], None],
) -> None:
    """Both ends prove their identities to each other, whoever begins; pings cross both ways."""
    record_property("result", outcomes[mode].result()[tunnel].prove(tunnel))
