"""Read ISAKMP-peer sections and what they lead to."""

from __future__ import annotations

from isakmpd.config import constants
from isakmpd.config.addresses import EITHER_FAMILY, address, identity, octets
from isakmpd.config.generated import DEFAULT_PHASE_1_CONFIGURATION, main_mode_names
from isakmpd.config.lists import each
from isakmpd.config.model import Peer, Phase1Transform
from isakmpd.config.reading import Section
from isakmpd.config.transforms import phase_1_transform
from isakmpd.crypto.secret import Secret
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import AuthenticationMethod, Doi, ExchangeType, IdType

_MODE_CONFIG = "ikecfg"
_TRANSPORTS = ("udp", "udp_physical", "udp_encap")


def peer(section: Section) -> Peer:
    """Read an ISAKMP-peer section."""
    check_phase(section, "1")
    _check_transport(section)
    name = section.get("Configuration") or DEFAULT_PHASE_1_CONFIGURATION
    configuration = section.follow("Configuration", name)
    exchange_type, transforms = section.reading.once("ISAKMP-configuration", configuration, _offer)
    remote = address(section, "Address")
    family = remote.version if remote else EITHER_FAMILY
    return Peer(
        section=section.name,
        configuration=configuration.name,
        exchange_type=exchange_type,
        transforms=transforms,
        address=remote,
        port=section.number("Port", section.reading.machine.default_port, 1, 65535),
        local_address=address(section, "Local-address", family),
        pre_shared_key=_pre_shared_key(section, exchange_type, transforms),
        local_id=_local_id(section),
        remote_id=_identity(section, "Remote-ID", constants.EXPECTED_ID),
        mode_config=_MODE_CONFIG in section.flags(_MODE_CONFIG),
    )


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
    check_doi(configuration)
    exchange_type = configuration.required_constant("EXCHANGE_TYPE", constants.PHASE_1_EXCHANGE)
    transforms = each(
        configuration, "Transforms", "transform", phase_1_transform, main_mode_names()
    )
    return exchange_type, transforms


def _pre_shared_key(
    section: Section, exchange_type: ExchangeType, transforms: tuple[Phase1Transform, ...]
) -> Secret | None:
    tag = "Authentication"
    value = section.get(tag)
    if value is None:
        # In aggressive mode the key may stand in a section named after the initiator's ID.
        wanted = exchange_type is ExchangeType.ID_PROT and any(
            transform.authentication is AuthenticationMethod.PRE_SHARED for transform in transforms
        )
        if wanted:
            raise section.fault(tag, "expected the pre-shared key, as text or as 0x and hex digits")
        return None
    if value[:2] not in ("0x", "0X"):
        key = octets(section, tag, value)
    else:
        digits = value[2:]
        try:
            key = bytes.fromhex("0" * (len(digits) % 2) + digits)
        except ValueError:
            raise section.fault(tag, "expected only hex digits after 0x") from None
    if not key:
        raise section.fault(tag, "the key is empty; expected a secret shared with the peer")
    return Secret(key)


def _local_id(section: Section) -> Identity | None:
    if section.get("ID") is not None:
        return _identity(section, "ID", constants.SENT_ID)
    everyone = section.reading.section("General")
    return _identity(everyone, "Default-phase-1-ID", constants.SENT_ID)


def _identity(
    section: Section, tag: str, vocabulary: constants.Vocabulary[IdType]
) -> Identity | None:
    name = section.get(tag)
    if name is None:
        return None
    return identity(section.follow(tag, name), vocabulary)
