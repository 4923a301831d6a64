"""Hold what the administrator lets pass beyond what is judged sound."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Hold what the tags of [X509-certificates] let pass."""

    allow_weak: bool = False  # SHA-1 signatures and RSA of 1024 bits and more
    accept_self_signed: bool = False


SOUND_ONLY = Rules()
ALLOW_WEAK = "[X509-certificates]:Allow-weak= yes"
