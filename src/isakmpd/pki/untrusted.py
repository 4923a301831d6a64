"""Name what may end a proof by public key: theirs refused, ours missing, octets unusable.

This module imports no library, so that whoever only catches stays light.
"""

from isakmpd.wire.numbers import NotifyType


class Untrusted(Exception):  # noqa: N818 - a verdict on the peer's proof, not an error of ours
    """Say in one sentence fragment why a key does not speak for an identity.

    ``notify`` is what RFC 2408 section 5 calls the fault.
    """

    def __init__(self, reason: str, notify: NotifyType = NotifyType.AUTHENTICATION_FAILED) -> None:
        super().__init__(reason)
        self.reason = reason
        self.notify = notify


class Unprovable(Exception):  # noqa: N818 - what the directories lack, not an error of ours
    """Say in one sentence fragment why we cannot prove our own identity."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def reason_of(error: Exception) -> str:
    """Give what a library says of octets, in a line, without what only its authors can read."""
    text = str(error).split("\n")[0]
    return "its DER cannot be read" if "ParseError" in text else text


class UnusableCertificateError(ValueError):
    """Say in one sentence fragment why octets are no certificate or list that can be used."""

    def __init__(self, reason: str, notify: NotifyType = NotifyType.INVALID_CERTIFICATE) -> None:
        super().__init__(reason)
        self.reason = reason
        self.notify = notify
