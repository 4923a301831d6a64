"""Read ISAKMP-peer sections and what they lead to."""

from __future__ import annotations

from isakmpd.config import constants
from isakmpd.config.addresses import EITHER_FAMILY, address, identity
from isakmpd.config.generated import (
    DEFAULT_PHASE_1_CONFIGURATION,
    authenticated,
    main_mode_names,
    original_default,
)
from isakmpd.config.keys import pre_shared_key
from isakmpd.config.lists import each
from isakmpd.config.model import Peer, Phase1Transform
from isakmpd.config.reading import Section
from isakmpd.config.transforms import phase_1_transform
from isakmpd.config.unsupported import OF_PEERS
from isakmpd.crypto.signature_methods import SIGNATURES
from isakmpd.wire.addresses import Address
from isakmpd.wire.distinguished_names import has_wildcard
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import AuthenticationMethod, Doi, ExchangeType, IdType

_MODE_CONFIG = "ikecfg"
_HMAC_BLOCKS = ("64", "128")  # octets
_TRANSPORTS = ("udp", "udp_physical", "udp_encap")
_TRANSFORMS = "Transforms"
_BY_DEFAULT = DEFAULT_PHASE_1_CONFIGURATION.lower()
_EXPECTED_KEY = "expected the pre-shared key, as text or as 0x and hex digits"


def peer(section: Section) -> Peer:
    """Read an ISAKMP-peer section."""
    check_phase(section, "1")
    _check_transport(section)
    section.pass_over(*OF_PEERS)
    name = section.get("Configuration") or DEFAULT_PHASE_1_CONFIGURATION
    configuration = section.follow("Configuration", name)
    exchange_type, transforms = section.reading.once("ISAKMP-configuration", configuration, _offer)
    remote = address(section, "Address")
    key = pre_shared_key(section)
    keyed = key is not None or _key_is_stored(section, remote, exchange_type)
    if not transforms:
        transforms = (_transform_by_default(section, configuration, keyed),)
    if exchange_type is ExchangeType.AGGRESSIVE:
        _warn_of_aggressive_mode(configuration, transforms)
    family = remote.version if remote else EITHER_FAMILY
    found = Peer(
        section=section.name,
        configuration=configuration.name,
        exchange_type=exchange_type,
        transforms=transforms,
        address=remote,
        port=section.number("Port", section.reading.machine.default_port, 1, 65535),
        local_address=address(section, "Local-address", family),
        pre_shared_key=key,
        local_id=_local_id(section),
        remote_id=_identity(section, "Remote-ID"),
        remote_id_any=_remote_id_any(section, transforms),
        hmac_block=_hmac_block(section),
        mode_config=_MODE_CONFIG in section.flags(_MODE_CONFIG),
    )
    _check_offer(configuration, found)
    if not keyed:
        _check_key(section, found)
    return found


def check_phase(section: Section, expected: str) -> None:
    """Demand that the Phase tag fits what the section is used for; a missing one is assumed."""
    value = section.get("Phase")
    if value is None:
        section.warn("Phase", f"Phase= {expected} is assumed")
    elif value != expected:
        raise section.fault("Phase", f"expected {expected} for what this section is used as")


def check_doi(section: Section) -> None:
    """Demand the IPsec domain of interpretation, which is also the default."""
    doi = section.constant("DOI", constants.DOI)
    if doi not in (None, Doi.IPSEC):
        raise section.fault("DOI", "expected IPSEC")


def _check_transport(section: Section) -> None:
    value = section.get("Transport")
    if value is not None and value.lower() not in _TRANSPORTS:
        raise section.fault("Transport", "expected udp")


def _offer(configuration: Section) -> tuple[ExchangeType, tuple[Phase1Transform, ...]]:
    """Read an ISAKMP-configuration section; no transforms where a default has to do."""
    check_doi(configuration)
    exchange_type = configuration.required_constant("EXCHANGE_TYPE", constants.PHASE_1_EXCHANGE)
    if configuration.key == _BY_DEFAULT and not configuration.is_written(_TRANSFORMS):
        return exchange_type, ()
    return exchange_type, each(
        configuration, _TRANSFORMS, "transform", phase_1_transform, main_mode_names
    )


def _transform_by_default(section: Section, configuration: Section, keyed: bool) -> Phase1Transform:
    """Give the transform of a peer that names none, with the authentication its keys allow."""
    name = authenticated(configuration.get(_TRANSFORMS) or "", by_key=keyed)
    if original := original_default(configuration.name, _TRANSFORMS):
        original = authenticated(original, by_key=keyed)
        if section.get("Configuration") is None:
            section.reading.rely(section, "Configuration", (name, original))
        else:
            section.reading.rely(configuration, _TRANSFORMS, (name, original))
    transform = configuration.follow(_TRANSFORMS, name)
    return section.reading.once("transform", transform, phase_1_transform)


def _warn_of_aggressive_mode(
    configuration: Section, transforms: tuple[Phase1Transform, ...]
) -> None:
    if any(each.authentication in (AuthenticationMethod.PRE_SHARED, None) for each in transforms):
        configuration.warn(
            "EXCHANGE_TYPE",
            "in aggressive mode whoever asks is told a hash of the pre-shared key and can try"
            " keys against it offline (CVE-2002-1623): expected ID_PROT, or a long random key",
        )


def _check_offer(configuration: Section, peer: Peer) -> None:
    """Demand one group of a peer called in aggressive mode, whose first message carries a KE."""
    offered = peer.offered_transforms
    called = peer.address is not None and peer.exchange_type is ExchangeType.AGGRESSIVE
    if called and len({transform.group for transform in offered}) > 1:
        groups = ", ".join(f"[{each.section}] {each.group}" for each in offered)
        raise configuration.fault(
            "Transforms",
            "an offer in aggressive mode has room for one GROUP_DESCRIPTION; expected the same in"
            f" all, not {groups}",
        )


def _key_is_stored(section: Section, remote: Address | None, exchange_type: ExchangeType) -> bool:
    """Tell whether a section named after an identity may hold the peer's key."""
    stored = section.reading.keys_by_id
    by_id = remote is None or exchange_type is ExchangeType.AGGRESSIVE
    return str(remote) in stored or (by_id and bool(stored))


def _check_key(section: Section, peer: Peer) -> None:
    """Demand that a peer without a key has transforms that need none."""
    for transform in peer.transforms:
        if transform.authentication in (AuthenticationMethod.PRE_SHARED, None):
            raise section.fault(
                "Authentication",
                f"{_EXPECTED_KEY}, for [{transform.section}]; RSA_SIG and ECDSA need none",
            )


def _remote_id_any(section: Section, transforms: tuple[Phase1Transform, ...]) -> bool:
    """Read what opens a peer's section to any identity; with pre-shared keys that is so anyway."""
    tag = "Remote-ID-any"
    if not section.yes(tag):
        return False
    if section.get("Remote-ID") is not None:
        raise section.fault(tag, "Remote-ID names one identity; expected only one of the two tags")
    certified = any(each.authentication in (None, *SIGNATURES) for each in transforms)
    opened = ": everybody whom an authority in CA-directory has certified" if certified else ""
    section.warn(tag, f"whoever proves any identity is taken for this peer{opened}")
    return True


def _hmac_block(section: Section) -> int | None:
    tag = "HMAC-block"
    value = section.get(tag)
    if value is None:
        return None
    if value not in _HMAC_BLOCKS:
        raise section.fault(
            tag, "expected 64, as OpenBSD's isakmpd pads keys of SHA2-384 and SHA2-512, or 128"
        )
    return int(value)


def _local_id(section: Section) -> Identity | None:
    if section.get("ID") is not None:
        return _own_identity(section, "ID")
    everyone = section.reading.section("General")
    return _own_identity(everyone, "Default-phase-1-ID")


def _own_identity(section: Section, tag: str) -> Identity | None:
    found = _identity(section, tag)
    if found is not None and found.type is IdType.DER_ASN1_DN and has_wildcard(found.data):
        raise section.fault(
            tag, f"{found} has a *, which only a Remote-ID may have; expected our own name"
        )
    return found


def _identity(section: Section, tag: str) -> Identity | None:
    name = section.get(tag)
    if name is None:
        return None
    return identity(section.follow(tag, name))
