"""Keep what is said about an exchange without proof: it explains, it decides nothing."""

from __future__ import annotations

from isakmpd.ike import explanation
from isakmpd.ike.unreachable import Unreachable
from isakmpd.wire.numbers import NotifyType
from isakmpd.wire.payloads import Chain, Notification

NOTIFIES = 3  # kept of one exchange


class Hearsay:
    """Hold what notifies in clear, other versions and ICMP said while an exchange ran."""

    def __init__(self) -> None:
        self.notifies: list[NotifyType] = []
        self.wanted = explanation.NOTHING  # what one of ours says that it would have accepted
        self.unreachable: Unreachable | None = None
        self.other_version = 0  # the major version in which the peer answers
        self.unreadable = False

    def heard(self, notification: Notification, message: Chain) -> bool:
        """Take a notify; False for one that says nothing new."""
        if notification.type in self.notifies or len(self.notifies) == NOTIFIES:
            return False
        self.notifies.append(notification.type)
        if not self.wanted.payloads and explanation.beside(message):
            self.wanted = explanation.read(notification.type, notification.data)
        return True

    @property
    def said(self) -> str:
        """Name what the peer seems to have said; nothing where it is silent."""
        if self.notifies:
            return " and ".join(map(str, self.notifies))
        if self.other_version:
            return f"something in IKEv{self.other_version}"
        return "something encrypted that we cannot read" if self.unreadable else ""
