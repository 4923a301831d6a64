"""Name the verdict on what a peer said well-formed and we do not accept."""

from isakmpd.wire.numbers import NotifyType
from isakmpd.wire.payloads import Payload


class Refused(Exception):  # noqa: N818 - a verdict, not an error of ours
    """Say why; ``notify`` is what the peer is told, None for nothing.

    ``wanted`` holds what would have been accepted in place of it, for peers that understand it.
    """

    def __init__(
        self, reason: str, notify: NotifyType | None, wanted: tuple[Payload, ...] = ()
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.notify = notify
        self.wanted = wanted
