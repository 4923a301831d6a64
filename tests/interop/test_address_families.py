"""A tunnel with strongSwan for each mix of IPv4 and IPv6, between gateways and inside."""

from collections.abc import Callable, Mapping
from itertools import product

import pytest

from tests.interop.configurations import AGGRESSIVE, MAIN
from tests.interop.tunnels import Outcome, Row, Tunnel, of_each_role, run

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]

TUNNELS = of_each_role(
    [
        Row(f"{exchange}: IPv{inner} in IPv{outer}", exchange=exchange, outer=outer, inner=inner)
        for exchange, outer, inner in product((MAIN, AGGRESSIVE), (4, 6), (4, 6))
    ]
)


@pytest.fixture(scope="module")
def outcomes() -> Mapping[Tunnel, Outcome]:
    """All mixes at once."""
    return run(TUNNELS)


@pytest.mark.parametrize("tunnel", TUNNELS, ids=str)
def test_pings_of_either_family_cross_in_either_family(
    outcomes: Mapping[Tunnel, Outcome],
    tunnel: Tunnel,
    record_property: Callable[[str, object], None],
) -> None:
    """Both ends agree on SAs, pings cross both ways, and the wire shows only ESP in UDP."""
    record_property("result", outcomes[tunnel].prove(tunnel))
