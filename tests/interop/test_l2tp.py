"""L2TP over IPsec as road warriors use it: two clients behind one NAT, the server behind another.

Both ends are ours, because strongSwan's userspace ESP has no transport mode; L2TP is xl2tpd.
"""

from collections.abc import Callable

import pytest

from lab.capture import Capture
from lab.isakmpd import Isakmpd
from lab.l2tp import Xl2tpd
from lab.nat import CLIENTS, OFFICE, SERVER, clients_and_server_behind_nats
from lab.proof import prove_nothing_in_clear
from lab.traffic import Kind

pytestmark = [pytest.mark.l2tp, pytest.mark.namespaces, pytest.mark.root]

PRIVATE = (*CLIENTS.values(), SERVER)
COMMON = """
[phase-1]
EXCHANGE_TYPE= ID_PROT
Transforms= AES-256-SHA2-256-GRP14

[quick-mode]
EXCHANGE_TYPE= QUICK_MODE
Suites= QM-ESP-TRP-AES-256-SHA2-256-SUITE
"""
SERVERS = f"""
[General]
Listen-on= {SERVER}

[Phase 1]
Default= clients

[Phase 2]
Passive-connections= l2tp

[clients]
Phase= 1
Configuration= phase-1
Authentication= known to all clients

[l2tp]
Phase= 2
ISAKMP-peer= clients
Configuration= quick-mode
Local-ID= l2tp-here

[l2tp-here]
ID-type= IPV4_ADDR
Address= {SERVER}
Protocol= udp
Port= 1701
{COMMON}"""


def clients(address: str) -> str:
    """Return a client's isakmpd.conf."""
    return f"""
[General]
Listen-on= {address}

[Phase 1]
{OFFICE}= office

[Phase 2]
Connections= l2tp

[office]
Phase= 1
Address= {OFFICE}
Configuration= phase-1
Authentication= known to all clients

[l2tp]
Phase= 2
ISAKMP-peer= office
Configuration= quick-mode
Local-ID= l2tp-here
Remote-ID= l2tp-there

[l2tp-here]
ID-type= IPV4_ADDR
Address= {address}
Protocol= udp
Port= 1701

[l2tp-there]
ID-type= IPV4_ADDR
Address= {OFFICE}
Protocol= udp
Port= 1701
{COMMON}"""


def wait_answers(alice: Xl2tpd, bob: Xl2tpd, server: Xl2tpd) -> None:
    """Wait until everybody has heard from the other end of each session."""
    alice.wait_heard("server answers alice")
    bob.wait_heard("server answers bob")
    server.wait_heard("alice answers server", "bob answers server")


def test_two_clients_behind_one_nat_each_have_their_session(
    record_property: Callable[[str, object], None],
) -> None:
    """Both sessions are up at once, each answer reaches who asked, and none of it is in clear."""
    with clients_and_server_behind_nats() as lab:
        alice, bob = lab.clients()
        folder = lab.folder
        server = Isakmpd(lab.server, folder, SERVERS)
        first, second = (
            Isakmpd(host, folder, clients(CLIENTS[host.label])) for host in lab.clients()
        )
        with Capture(lab.home, "outside", folder) as wire, server, first, second:
            for daemon in (first, second):
                daemon.wait_tunnel("l2tp")
            with (
                Xl2tpd(lab.server, folder, SERVER) as served,
                Xl2tpd(alice, folder, CLIENTS["alice"], OFFICE) as to_alice,
                Xl2tpd(bob, folder, CLIENTS["bob"], OFFICE) as to_bob,
            ):
                ends = (to_alice, to_bob, served)
                wait_answers(*ends)
                for end in ends:
                    end.forget_heard()
                wait_answers(*ends)  # one session did not end the other
                heard = to_alice.heard(), to_bob.heard()
            packets = wire.stop()
    assert heard == ({"server answers alice"}, {"server answers bob"})
    proof = prove_nothing_in_clear(packets, inner=PRIVATE, pattern=b" answers ")
    record_property("result", proof)
    assert proof.kinds[Kind.ESP_IN_UDP] > 0
