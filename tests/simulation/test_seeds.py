"""Seeds that found faults once find none."""

import pytest

from isakmpd.simulation.play import play_seed

pytestmark = pytest.mark.simulation

SEEDS = {
    "nat/25": "the flow of a pair from before a NAT's rebinding outlived it",
    "roadwarriors/36": "so did those of clients that share a NAT",
    "aggressive/40": "IPsec SAs stayed where only the peer could have made an ISAKMP SA",
    "roadwarriors/32": "so did those of one client while another had an ISAKMP SA",
    "roadwarriors/53": "a neighbour behind the NAT kept INITIAL-CONTACT from a client",
    "roadwarriors/64": "two ends kept two pairs, each sending on the one the other began",
    "nat/64": "a lost INITIAL-CONTACT after aggressive mode left SAs at one end",
}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_that_found_a_fault_finds_none(seed: str) -> None:
    outcome = play_seed(seed)
    assert not outcome.faults, SEEDS[seed]
