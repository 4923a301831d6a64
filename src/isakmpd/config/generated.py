"""Generate the sections every configuration has without writing them.

The 1,890 main mode transforms and the 3,648 quick mode suites are read from their names when
someone asks for them; nothing is stored. What the other defaults depend on is one value,
``Surroundings``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

Tags = Mapping[str, str]
FileValue = Callable[[str, str], str | None]  # section, tag -> what the administrator wrote

DEFAULT_DIRECTORY = "/etc/isakmpd"
DEFAULT_PHASE_1_CONFIGURATION = "Default-phase-1-configuration"
DEFAULT_PHASE_1 = "Default-phase-1"
MODERN, ORIGINAL = "modern", "original"  # what [General]:Defaults may say
_DEFAULT_GROUP = "MODP_1024"
_SIGNED = "-RSA_SIG"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Say what defaults depend on: what the administrator wrote, and where the file lies."""

    written: FileValue
    directory: str = DEFAULT_DIRECTORY


# "{directory}" is that of the configuration file.
_FIXED: Mapping[str, Tags] = {
    "general": {
        "Defaults": MODERN,
        "Default-phase-2-suites": "QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE",
        "Retransmits": "3",
        "Exchange-max-time": "120",
        "Use-Keynote": "yes",
        "Policy-file": "{directory}/isakmpd.policy",
        "Pubkey-directory": "{directory}/pubkeys/",
        "Delete-SAs": "yes",
    },
    "x509-certificates": {
        "CA-directory": "{directory}/ca/",
        "Cert-directory": "{directory}/certs/",
        "CRL-directory": "{directory}/crls/",
        "Private-key": "{directory}/private/local.key",
        "Private-key-directory": "{directory}/private/",
    },
    "keynote": {"Credential-directory": "{directory}/keynote/"},
    "phase 1": {"Default": DEFAULT_PHASE_1},
    "default-phase-1": {"Phase": "1", "Configuration": DEFAULT_PHASE_1_CONFIGURATION},
    "default-phase-1-configuration": {
        "EXCHANGE_TYPE": "ID_PROT",
        "Transforms": "AES-256-SHA2-256-GRP14",
    },
}

# What [General]:Defaults= original puts in their place.
_FIXED_ORIGINALLY: Mapping[str, Tags] = {
    "general": {"Default-phase-2-suites": "QM-ESP-3DES-SHA-PFS-SUITE"},
    "default-phase-1-configuration": {"Transforms": "3DES-SHA-RSA_SIG"},
}

# Sections in which [General] has a say: section -> (generated tag, tag of [General], without it).
_FROM_GENERAL: Mapping[str, tuple[str, str, str | None]] = {
    "default-phase-1": ("ID", "Default-phase-1-ID", None),
    "life_main_mode": ("LIFE_DURATION", "Default-phase-1-lifetime", "3600,60:86400"),
    "life_quick_mode": ("LIFE_DURATION", "Default-phase-2-lifetime", "1200,60:86400"),
}

_GROUPS: Mapping[str, str] = {
    "1": "MODP_768",
    "2": "MODP_1024",
    "5": "MODP_1536",
    "14": "MODP_2048",
    "15": "MODP_3072",
    "16": "MODP_4096",
    "17": "MODP_6144",
    "18": "MODP_8192",
    "19": "ECP_256",
    "20": "ECP_384",
    "21": "ECP_521",
    "25": "ECP_192",
    "26": "ECP_224",
    "27": "BP_224",
    "28": "BP_256",
    "29": "BP_384",
    "30": "BP_512",
}

_MAIN_MODE_CIPHERS: Mapping[str, Tags] = {
    "BLF": {"ENCRYPTION_ALGORITHM": "BLOWFISH_CBC", "KEY_LENGTH": "128,96:192"},
    "3DES": {"ENCRYPTION_ALGORITHM": "3DES_CBC"},
    "CAST": {"ENCRYPTION_ALGORITHM": "CAST_CBC"},
    "AES": {"ENCRYPTION_ALGORITHM": "AES_CBC", "KEY_LENGTH": "128,128:256"},
    "AES-128": {"ENCRYPTION_ALGORITHM": "AES_CBC", "KEY_LENGTH": "128,128:128"},
    "AES-192": {"ENCRYPTION_ALGORITHM": "AES_CBC", "KEY_LENGTH": "192,192:192"},
    "AES-256": {"ENCRYPTION_ALGORITHM": "AES_CBC", "KEY_LENGTH": "256,256:256"},
}
_MAIN_MODE_HASHES: Mapping[str, str] = {
    "MD5": "MD5",
    "SHA": "SHA",
    "SHA2-256": "SHA2_256",
    "SHA2-384": "SHA2_384",
    "SHA2-512": "SHA2_512",
}
_AUTHENTICATIONS: Mapping[str, str] = {"": "PRE_SHARED", "-RSA_SIG": "RSA_SIG", "-DSS": "DSS"}


def _sized(name: str, transform: str) -> dict[str, Tags]:
    return {
        f"{name}-{bits}": {"TRANSFORM_ID": transform, "KEY_LENGTH": f"{bits},{bits}:{bits}"}
        for bits in (128, 192, 256)
    }


_QUICK_MODE_CIPHERS: Mapping[str, Tags] = {
    "3DES": {"TRANSFORM_ID": "3DES"},
    "CAST": {"TRANSFORM_ID": "CAST"},
    "BLF": {"TRANSFORM_ID": "BLOWFISH", "KEY_LENGTH": "128,96:192"},
    "AES": {"TRANSFORM_ID": "AES", "KEY_LENGTH": "128,128:256"},
    **_sized("AES", "AES"),
    "AESCTR": {"TRANSFORM_ID": "AES_CTR"},
    **_sized("AESCTR", "AES_CTR"),
    "NULL": {"TRANSFORM_ID": "NULL"},
}
_COMBINED_MODE_CIPHERS: Mapping[str, Tags] = {
    **_sized("AESGCM", "AES_GCM_16"),
    **_sized("AESGMAC", "AES_GMAC"),
}
_QUICK_MODE_HASHES: Mapping[str, str] = {
    "MD5": "MD5",
    "SHA": "SHA",
    "RIPEMD": "RIPEMD",
    "SHA2-256": "SHA2_256",
    "SHA2-384": "SHA2_384",
    "SHA2-512": "SHA2_512",
}


def _one_of(names: Iterable[str]) -> str:
    # Longest first, lest AES be found in AES-128.
    return "|".join(sorted((re.escape(name) for name in names), key=len, reverse=True))


_GROUP = f"GRP(?P<group>{_one_of(_GROUPS)})"
_MAIN_MODE_NAME = re.compile(
    f"(?P<cipher>{_one_of(_MAIN_MODE_CIPHERS)})-(?P<hash>{_one_of(_MAIN_MODE_HASHES)})"
    f"(?:-{_GROUP})?(?P<authentication>-RSA_SIG|-DSS)?"
)
_QUICK_MODE_NAME = re.compile(
    "(?P<protocol>QM-(?:"
    f"ESP(?P<esp_transport>-TRP)?-(?:(?P<combined>{_one_of(_COMBINED_MODE_CIPHERS)})"
    f"|(?P<cipher>{_one_of(_QUICK_MODE_CIPHERS)})(?:-(?P<hash>{_one_of(_QUICK_MODE_HASHES)}))?)"
    f"|AH(?P<ah_transport>-TRP)?-(?P<ah_hash>{_one_of(_QUICK_MODE_HASHES)})"
    f")(?P<pfs>-PFS(?:-{_GROUP})?)?)(?P<kind>-SUITE|-XF)?"
)


def main_mode_names() -> Iterator[str]:
    """List the names of all generated main mode transforms."""
    groups = ["", *(f"-GRP{number}" for number in _GROUPS)]
    for parts in product(_MAIN_MODE_CIPHERS, _MAIN_MODE_HASHES, groups, _AUTHENTICATIONS):
        cipher, hash_name, group, authentication = parts
        yield f"{cipher}-{hash_name}{group}{authentication}"


def quick_mode_names() -> Iterator[str]:
    """List the names of all generated quick mode suites."""
    hashes = ["", *(f"-{name}" for name in _QUICK_MODE_HASHES)]
    esp = [f"{cipher}{hash_name}" for cipher, hash_name in product(_QUICK_MODE_CIPHERS, hashes)]
    algorithms = [("ESP", name) for name in (*esp, *_COMBINED_MODE_CIPHERS)]
    algorithms += [("AH", name) for name in _QUICK_MODE_HASHES]
    pfs = ["", "-PFS", *(f"-PFS-GRP{number}" for number in _GROUPS)]
    for (protocol, name), mode, group in product(algorithms, ("", "-TRP"), pfs):
        yield f"QM-{protocol}{mode}-{name}{group}-SUITE"


def generated_tags(section: str, surroundings: Surroundings) -> Tags:
    """Give a section's generated tags, none for a name that means nothing."""
    key = section.lower()
    tags = _fixed_tags(key, surroundings) if key in _FIXED else _constant_tags(section.upper())
    if key not in _FROM_GENERAL:
        return tags
    tag, general_tag, otherwise = _FROM_GENERAL[key]
    value = surroundings.written("General", general_tag) or otherwise
    return {**tags, tag: value} if value else tags


def original_default(section: str, tag: str) -> str | None:
    """Give the default the original has for a tag, None where ours is the same."""
    return _FIXED_ORIGINALLY.get(section.lower(), {}).get(tag)


def authenticated(transform: str, *, by_key: bool) -> str:
    """Give a default main mode transform the method a peer's keys call for.

    A default names cipher, hash and group: the same do for a pre-shared key and for signatures.
    """
    unsigned = transform.removesuffix(_SIGNED)
    return unsigned if by_key else unsigned + _SIGNED


def decided_by(section: str, tag: str) -> str | None:
    """Name the tag of [General] that gives a generated tag its value, None where none does."""
    generated, general_tag, _ = _FROM_GENERAL.get(section.lower(), ("", "", None))
    return general_tag if generated and tag.lower() == generated.lower() else None


def _fixed_tags(key: str, surroundings: Surroundings) -> Tags:
    tags = dict(_FIXED[key])
    if (surroundings.written("General", "Defaults") or "").lower() == ORIGINAL:
        tags |= _FIXED_ORIGINALLY.get(key, {})
    directory = surroundings.directory.rstrip("/")
    return {tag: value.replace("{directory}", directory) for tag, value in tags.items()}


@lru_cache(maxsize=1024)
def _constant_tags(name: str) -> Tags:
    if name in ("LIFE_MAIN_MODE", "LIFE_QUICK_MODE"):
        return {"LIFE_TYPE": "SECONDS"}
    if match := _MAIN_MODE_NAME.fullmatch(name):
        return _main_mode_transform(match)
    if match := _QUICK_MODE_NAME.fullmatch(name):
        return _quick_mode_section(match)
    return {}


def _main_mode_transform(match: re.Match[str]) -> Tags:
    return {
        **_MAIN_MODE_CIPHERS[match["cipher"]],
        "HASH_ALGORITHM": _MAIN_MODE_HASHES[match["hash"]],
        "AUTHENTICATION_METHOD": _AUTHENTICATIONS[match["authentication"] or ""],
        "GROUP_DESCRIPTION": _GROUPS[match["group"]] if match["group"] else _DEFAULT_GROUP,
        "Life": "LIFE_MAIN_MODE",
    }


def _quick_mode_section(match: re.Match[str]) -> Tags:
    protocol = match["protocol"]
    if match["kind"] == "-SUITE":
        return {"Protocols": protocol}
    if match["kind"] == "-XF":
        return _quick_mode_transform(match)
    return {
        "PROTOCOL_ID": "IPSEC_AH" if match["ah_hash"] else "IPSEC_ESP",
        "Transforms": f"{protocol}-XF",
    }


def _quick_mode_transform(match: re.Match[str]) -> Tags:
    tags: dict[str, str] = {}
    if match["ah_hash"]:
        tags["TRANSFORM_ID"] = _QUICK_MODE_HASHES[match["ah_hash"]]
    elif match["combined"]:
        tags.update(_COMBINED_MODE_CIPHERS[match["combined"]])
    else:
        tags.update(_QUICK_MODE_CIPHERS[match["cipher"]])
    transport = match["esp_transport"] or match["ah_transport"]
    tags["ENCAPSULATION_MODE"] = "TRANSPORT" if transport else "TUNNEL"
    if hash_name := match["hash"] or match["ah_hash"]:
        tags["AUTHENTICATION_ALGORITHM"] = f"HMAC_{_QUICK_MODE_HASHES[hash_name]}"
    if match["pfs"]:
        tags["GROUP_DESCRIPTION"] = _GROUPS[match["group"]] if match["group"] else _DEFAULT_GROUP
    tags["Life"] = "LIFE_QUICK_MODE"
    return tags
