"""The status: the JSON that programs read, key by key."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from isakmpd.config.read import parse
from isakmpd.control.status import DaemonFacts, Status, status_text
from isakmpd.ike.ipsec import SaUsage
from isakmpd.ike.snapshot import ConnectionSnapshot, SaFlags, Snapshot
from isakmpd.wire.numbers import AuthenticationAlgorithm, EspTransform
from tests.control import snapshots

CONFIGURATION = parse(
    """\
[Phase 1]
10.77.0.2= peer-main

[Phase 2]
Connections= conn, dialled
Passive-connections= awaited

[peer-main]
Phase= 1
Address= 10.77.0.2
Authentication= mekmitasdigoat

[conn]
Phase= 2
ISAKMP-peer= peer-main
Local-ID= here
Remote-ID= there

[dialled]
Phase= 2
ISAKMP-peer= peer-main
Flags= on-demand

[awaited]
Phase= 2
ISAKMP-peer= peer-main
Local-ID= here
Remote-ID= there

[here]
ID-type= IPV4_ADDR_SUBNET
Network= 10.1.0.0
Netmask= 255.255.255.0

[there]
ID-type= IPV4_ADDR_SUBNET
Network= 10.2.0.0
Netmask= 255.255.255.0
""",
    "isakmpd.conf",
)
FACTS = DaemonFacts(
    version="1.2",
    process_id=4711,
    uptime=12.34567,
    stack="userspace",
    run_directory=Path("/run/isakmpd"),
    configuration_file=Path("/etc/isakmpd/isakmpd.conf"),
    capture=None,
    log_levels={0: 0, 10: 99},
)
CONN = ConnectionSnapshot("conn", True, "up", 33.25, "")


def told(*connections: ConnectionSnapshot, **changes: Any) -> dict[str, Any]:
    """The status of one tunnel, read as a program does."""
    seen = replace(snapshots.SNAPSHOT, connections=connections or (CONN,), **changes)
    text = status_text(seen, CONFIGURATION, FACTS)
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    found: dict[str, Any] = json.loads(text)
    return found


def holds(kind: Any, value: Any) -> bool:
    """Tell whether a value is what its type promises, every key there and none besides."""
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        return value.keys() == hints.keys() and all(
            holds(hints[name], one) for name, one in value.items()
        )
    if isinstance(kind, UnionType):
        return any(holds(one, value) for one in get_args(kind))
    if get_origin(kind) is list:
        return all(holds(get_args(kind)[0], one) for one in value)
    if get_origin(kind) is dict:
        return all(holds(get_args(kind)[1], one) for one in value.values())
    return type(value) is (kind if kind is not float else type(value)) and isinstance(
        value, (int, float) if kind is float else kind
    )


def test_every_key_has_what_its_type_promises() -> None:
    found = told(CONN, replace(CONN, name="dialled", next_check_in=None))
    assert found["peers"]
    assert found["exchanges"]
    assert found["connections"][0]["sas"]
    assert holds(Status, found), found


def test_the_daemon() -> None:
    found = told()
    assert {name: found[name] for name in ("version", "pid", "uptime", "active", "stack")} == {
        "version": "1.2",
        "pid": 4711,
        "uptime": 12.346,
        "active": True,
        "stack": "userspace",
    }
    assert found["run_directory"] == "/run/isakmpd"
    assert found["capture"] is None
    assert found["log_levels"] == {"0": 0, "10": 99}
    assert told(active=False)["active"] is False


def test_a_tunnel_with_its_sas() -> None:
    """As the recorded one of the original, seen from the west."""
    usage = SaUsage(packets=3, octets=252, last_used=1.0)
    pair = replace(snapshots.PHASE_2, inbound_usage=usage, outbound_usage=None)
    (connection,) = told(ipsec_sas=(pair,))["connections"]
    (sa,) = connection.pop("sas")
    assert connection == {
        "name": "conn",
        "peer": "peer-main",
        "state": "up",
        "mode": "always",
        "local": "10.1.0.0/24",
        "remote": "10.2.0.0/24",
        "failure": "",
        "next_check_in": 33.25,
    }
    assert sa == {
        "spi_in": "6a52867a",
        "spi_out": "2ccbf240",
        "protocol": "ESP",
        "encryption": "AES (CBC)",
        "key_length": 128,
        "authentication": "HMAC-SHA1",
        "src": "10.77.0.1",
        "src_port": 500,
        "dst": "10.77.0.2",
        "dst_port": 500,
        "nat_t": False,
        "initiator": True,
        "octets_in": 252,
        "octets_out": None,
        "packets_in": 3,
        "packets_out": None,
        "soft_in": 1036.5,
        "hard_in": 1198.5,
    }


@pytest.mark.parametrize(
    ("shown", "mode", "state"),
    [
        (replace(CONN, state="negotiating"), "always", "negotiating"),
        (replace(CONN, state="down"), "always", "waiting"),
        (ConnectionSnapshot("conn", False, "down", None, ""), "manual", "down"),
        (ConnectionSnapshot("dialled", False, "down", None, "", True), "on-demand", "waiting"),
        (ConnectionSnapshot("awaited", False, "down", None, ""), "passive", "waiting"),
        (ConnectionSnapshot("awaited", True, "down", 1, ""), "always", "waiting"),
        (ConnectionSnapshot("awaited", False, "up", None, ""), "passive", "up"),
    ],
)
def test_who_brings_a_connection_up_and_whether_it_waits_for_that(
    shown: ConnectionSnapshot, mode: str, state: str
) -> None:
    (connection,) = told(shown)["connections"]
    assert (connection["mode"], connection["state"]) == (mode, state)


def test_what_is_not_configured_is_told_apart() -> None:
    """What identities leave open is the peer; an SA of no connection stands by itself."""
    (connection,) = told(replace(CONN, name="dialled"))["connections"]
    assert (connection["local"], connection["remote"]) == ("", "10.77.0.2")
    for name in ("", "withdrawn"):
        found = told(ipsec_sas=(replace(snapshots.PHASE_2, name=name),))
        assert [sa["spi_in"] for sa in found["unnamed"]] == ["6a52867a"]
        assert found["connections"][0]["sas"] == []


@pytest.mark.parametrize(
    ("transform", "octets", "authentication", "shown"),
    [
        (EspTransform.AES_GCM_16, 36, AuthenticationAlgorithm.NONE, ("AES (GCM)", 256, "none")),
        (
            EspTransform.AES_CTR,
            20,
            AuthenticationAlgorithm.HMAC_SHA,
            ("AES (CTR)", 128, "HMAC-SHA1"),
        ),
        (EspTransform.TRIPLE_DES, 24, AuthenticationAlgorithm.HMAC_MD5, ("3DES", 192, "HMAC-MD5")),
        (EspTransform.NULL, 0, AuthenticationAlgorithm.HMAC_SHA, ("none", None, "HMAC-SHA1")),
    ],
)
def test_keys_are_told_without_their_salt(
    transform: EspTransform,
    octets: int,
    authentication: AuthenticationAlgorithm,
    shown: tuple[str, int | None, str],
) -> None:
    pair = replace(
        snapshots.PHASE_2,
        transform=transform,
        encryption_key_length=octets,
        authentication=authentication,
    )
    (sa,) = told(ipsec_sas=(pair,))["connections"][0]["sas"]
    assert (sa["encryption"], sa["key_length"], sa["authentication"]) == shown


def test_ids_are_told_by_end() -> None:
    """Whoever began the ISAKMP SA."""
    sa = replace(snapshots.PHASE_1, initiator_id="west", responder_id="east")
    answered = replace(sa, initiator=False, flags=SaFlags.NAT_T)
    ours, theirs = told(isakmp_sas=(sa, answered))["peers"]
    assert (ours["role"], ours["local_id"], ours["remote_id"]) == ("initiator", "west", "east")
    assert (theirs["role"], theirs["local_id"], theirs["remote_id"]) == (
        "responder",
        "east",
        "west",
    )
    assert (ours["nat_t"], theirs["nat_t"]) == (False, True)


def test_text_of_peers_stays_on_the_line() -> None:
    """Newlines, quotes and what is no character."""
    name = 'a"b\n\udc80\x1b'
    sa = replace(snapshots.PHASE_1, initiator_id=name)
    assert told(isakmp_sas=(sa,))["peers"][0]["local_id"] == name


def test_nothing_is_a_status_too() -> None:
    empty = status_text(Snapshot((), (), (), (), ()), CONFIGURATION, FACTS)
    assert holds(Status, json.loads(empty))


def test_no_key_is_told() -> None:
    text = json.dumps(told())
    assert (b"\xaa" * 16).hex() not in text
    assert "mekmitasdigoat" not in text
