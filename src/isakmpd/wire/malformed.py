"""Name the one error decoding can raise."""

from isakmpd.wire.numbers import NotifyType


class Malformed(Exception):  # noqa: N818 - a verdict on the peer's octets, not an error of ours
    """Say that octets are not ISAKMP; ``notify`` is what RFC 2408 section 5 calls the fault."""

    def __init__(self, reason: str, notify: NotifyType = NotifyType.PAYLOAD_MALFORMED) -> None:
        super().__init__(reason)
        self.notify = notify
