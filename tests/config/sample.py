"""Write small configurations in which one thing at a time is strange."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

from isakmpd.config.model import Configuration
from isakmpd.config.read import parse

Sections = Mapping[str, Mapping[str, str | None] | None]

PLAIN: Sections = {
    "Phase 1": {"192.0.2.2": "peer"},
    "Phase 2": {"Connections": "conn"},
    "peer": {
        "Phase": "1",
        "Address": "192.0.2.2",
        "Configuration": "main",
        "Authentication": "s3cret",
    },
    "main": {"EXCHANGE_TYPE": "ID_PROT", "Transforms": "AES-256-SHA2-256-GRP14"},
    "conn": {
        "Phase": "2",
        "ISAKMP-peer": "peer",
        "Configuration": "quick",
        "Local-ID": "here",
        "Remote-ID": "there",
    },
    "quick": {"Suites": "QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE"},
    "here": {"ID-type": "IPV4_ADDR_SUBNET", "Network": "10.1.0.0", "Netmask": "255.255.0.0"},
    "there": {"ID-type": "IPV4_ADDR", "Address": "10.2.0.1"},
}
HAND_MADE_PHASE_1: Sections = {
    "main": {"Transforms": "own"},
    "own": {
        "ENCRYPTION_ALGORITHM": "AES_CBC",
        "KEY_LENGTH": "256",
        "HASH_ALGORITHM": "SHA2_256",
        "AUTHENTICATION_METHOD": "PRE_SHARED",
        "GROUP_DESCRIPTION": "MODP_2048",
    },
}
HAND_MADE_SUITE: Sections = {
    "quick": {"Suites": "own-suite"},
    "own-suite": {"Protocols": "own-esp"},
    "own-esp": {"PROTOCOL_ID": "IPSEC_ESP", "Transforms": "own-xf"},
    "own-xf": {
        "TRANSFORM_ID": "AES",
        "KEY_LENGTH": "256",
        "ENCAPSULATION_MODE": "TUNNEL",
        "AUTHENTICATION_ALGORITHM": "HMAC_SHA2_256",
        "GROUP_DESCRIPTION": "MODP_2048",
    },
}


def merged(*layers: Sections) -> dict[str, dict[str, str]]:
    """Lay changes over sections; None removes a tag or a section."""
    result: dict[str, dict[str, str | None]] = {}
    for layer in layers:
        for section, tags in layer.items():
            result[section] = {} if tags is None else {**result.get(section, {}), **tags}
    return {
        section: {tag: value for tag, value in tags.items() if value is not None}
        for section, tags in result.items()
        if tags
    }


def written(sections: Mapping[str, Mapping[str, str]]) -> str:
    """Write sections as a file has them."""
    lines: list[str] = []
    for section, tags in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{tag}=\t{value}" for tag, value in tags.items()]
    return "\n".join(lines) + "\n"


def configured(*layers: Sections, default_port: int = 500) -> Configuration:
    """Read the plain configuration with changes laid over it."""
    text = written(merged(PLAIN, *layers))
    return parse(text, "isakmpd.conf", default_port=default_port, resolve=interface_address)


def interface_address(name: str, family: int) -> IPv4Address | IPv6Address | None:
    """Know two interfaces: em0 with both families, lo0 with IPv4 only."""
    known = {
        ("em0", 0): "198.51.100.1",
        ("em0", 4): "198.51.100.1",
        ("em0", 6): "2001:db8::1",
        ("default", 0): "198.51.100.1",
        ("lo0", 4): "127.0.0.1",
    }
    found = known.get((name, family))
    return ip_address(found) if found else None


def sole_problem(configuration: Configuration) -> str:
    """Give the text of the one problem a configuration has."""
    (problem,) = configuration.problems
    return problem.text
