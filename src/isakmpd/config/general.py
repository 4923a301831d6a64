"""Read [General], the daemon-wide tags."""

from __future__ import annotations

from isakmpd.config.defaults import check_choice
from isakmpd.config.model import General
from isakmpd.config.reading import ConfigError, Section, decimal

IPSEC_STACKS = ("auto", "xfrm", "pfkey", "userspace", "none")
_LONGEST_TIME = 86400
# Seconds. The original asks nobody unless told to; then nothing brings back a tunnel whose peer
# lost its state.
DPD_CHECK_INTERVAL = 30
# Read elsewhere: known, so that nobody reports them as misspelt.
_KNOWN = (
    "Default-phase-1-ID",
    "Default-phase-1-lifetime",
    "Default-phase-2-lifetime",
    "Default-phase-2-suites",
)


def general(section: Section) -> General:
    """Read all of [General]; a tag with a fault keeps its default."""
    for tag in _KNOWN:
        section.get(tag)
    check_choice(section)
    return General(
        retransmits=_number(section, "Retransmits", 3, 0, 100),
        exchange_max_time=_number(section, "Exchange-max-time", 120, 1, _LONGEST_TIME),
        check_interval=_number(section, "Check-interval", 60, 1, _LONGEST_TIME),
        dpd_check_interval=_number(
            section, "DPD-check-interval", DPD_CHECK_INTERVAL, 0, _LONGEST_TIME
        ),
        nat_t_keepalive=_number(section, "NAT-T-Keepalive", 20, 1, _LONGEST_TIME),
        delete_sas=_yes_or_no(section, "Delete-SAs", otherwise=True),
        use_keynote=_yes_or_no(section, "Use-Keynote", otherwise=False),
        acquire_only=section.get("Acquire-Only") is not None,
        renegotiate_on_hup=section.get("Renegotiate-on-HUP") is not None,
        ipsec_stack=_ipsec_stack(section),
        listen_on=tuple(section.elements("Listen-on")),
        log_verbose=section.get("Logverbose") is not None,
        log_levels=_log_levels(section),
    )


def _number(section: Section, tag: str, default: int, low: int, high: int) -> int:
    try:
        return section.number(tag, default, low, high)
    except ConfigError as fault:
        problem = fault.problem
        section.report(section.problem(tag, f"{_expectation(problem.text)}; {default} is used"))
        return default


def _expectation(text: str) -> str:
    return text[text.rindex("expected") :]


def _yes_or_no(section: Section, tag: str, *, otherwise: bool) -> bool:
    """Tell what a tag says by its first letters, ``otherwise`` as the original where it is odd."""
    value = (section.get(tag) or "").lower()
    if value.startswith(("yes", "no")):
        return value.startswith("yes")
    section.warn(tag, f"expected yes or no; it counts as {'yes' if otherwise else 'no'}")
    return otherwise


def _ipsec_stack(section: Section) -> str:
    value = section.get("IPsec-stack")
    if value is None:
        return "auto"
    if value.lower() in IPSEC_STACKS:
        return value.lower()
    near = section.reading.did_you_mean(value, IPSEC_STACKS)
    text = f"expected one of {', '.join(IPSEC_STACKS)}{near}; auto is used"
    section.report(section.problem("IPsec-stack", text))
    return "auto"


def _log_levels(section: Section) -> dict[str, int]:
    levels: dict[str, int] = {}
    for element in section.elements("Loglevel"):
        name, _, level_text = element.partition("=")
        level = decimal(level_text.strip())
        number = decimal(name.strip())
        if level is None or (number is None and name.strip().upper() != "A"):
            text = "expected class=level with a class number or A; the element is ignored"
            section.report(section.problem("Loglevel", text, element))
            continue
        levels["A" if number is None else str(number)] = level
    return levels
