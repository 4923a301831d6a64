"""Share what every part of the engine works with: the time, entropy, timers and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from isakmpd.config.model import Configuration, General
from isakmpd.crypto.secret import Secret
from isakmpd.ike import ipsec
from isakmpd.ike.entropy import Entropy
from isakmpd.ike.failures import Failures
from isakmpd.ike.outputs import (
    KEYS_LEVEL,
    KeyMaterial,
    Log,
    LogClass,
    Output,
    Stack,
    Verbose,
    Wants,
)
from isakmpd.ike.timers import Timer, Timers
from isakmpd.pki.keyring import EMPTY, Keyring

Calendar = Callable[[], datetime]
AnswerTo = Callable[[ipsec.Answer], None]


def no_calendar() -> datetime:
    """Give the end of time, when every certificate has expired."""
    return datetime.max.replace(tzinfo=UTC)


class Context:
    """Hold the moment (``now``, in seconds), the configuration and what is to be done."""

    def __init__(
        self,
        configuration: Configuration,
        entropy: Entropy,
        nat_t_port: int,
        *,
        nat_traversal: bool = True,
        acquire_only: bool = False,
        capabilities: ipsec.Capabilities = ipsec.EVERYTHING,
        wants: Wants = lambda _log_class, _level: True,
        keyring: Keyring = EMPTY,
        calendar: Calendar = no_calendar,
    ) -> None:
        self.now = 0.0
        self.active = True  # whether negotiations of our own begin
        self.configuration = configuration
        self.entropy = entropy
        self.nat_t_port = nat_t_port
        self.nat_traversal = nat_traversal
        self._acquire_only = acquire_only
        self.capabilities = capabilities
        self._wants = wants
        self.keyring = keyring
        self.calendar = calendar
        self.timers = Timers(armed=self._armed, fired=self._fired)
        self.failures = Failures(self)
        self.outputs: list[Output] = []
        self._requests = 0
        self._waiting: dict[int, AnswerTo] = {}

    @property
    def general(self) -> General:
        """Give the daemon-wide tags."""
        return self.configuration.general

    @property
    def acquire_only(self) -> bool:
        """Tell whether SAs alone are installed, because flows and guards are somebody else's."""
        return self._acquire_only or self.general.acquire_only

    def emit(self, output: Output) -> None:
        """Queue something to be done."""
        self.outputs.append(output)

    def log(self, text: str) -> None:
        """Log a line everybody sees."""
        self.outputs.append(Log(text))

    def debug(self, log_class: LogClass, level: int, template: str, *arguments: object) -> None:
        """Log a line for those who debug ``log_class`` at ``level`` or above.

        It is made, as ``template % arguments``, only for them: arguments that never change.
        """
        if self._wants(log_class, level):
            self.outputs.append(Log(template, log_class, level, arguments))

    def verbose(self, template: str, *arguments: object) -> None:
        """Log a line for ``-v``, made only for those who asked."""
        self.outputs.append(Verbose(template, arguments))

    def show_keys(self, owner: str, labelled: Callable[[], Iterable[tuple[str, bytes]]]) -> None:
        """Log secrets, each with the name it has, for those who have asked for keys."""
        if self._wants(LogClass.CRYPTO, KEYS_LEVEL):
            for label, octets in labelled():
                self.outputs.append(KeyMaterial(owner, label, Secret(octets)))

    def _armed(self, timer: Timer) -> None:
        self.debug(LogClass.TIMER, 10, "in %.3f s: %s", timer.due - self.now, timer.event)

    def _fired(self, timer: Timer) -> None:
        self.debug(LogClass.TIMER, 10, "due: %s", timer.event)

    def tell(self, request: ipsec.Request) -> None:
        """Hand the stack a request whose answer nobody waits for."""
        self.outputs.append(Stack(request))

    def ask(self, make: Callable[[int], ipsec.Request], answer_to: AnswerTo) -> None:
        """Hand the stack a request and remember who waits for its answer."""
        self._requests += 1
        self._waiting[self._requests] = answer_to
        self.outputs.append(Stack(make(self._requests)))

    def answered(self, answer: ipsec.Answer) -> None:
        """Pass the stack's answer to whoever waits for it."""
        answer_to = self._waiting.pop(answer.request, None)
        if answer_to is not None:
            answer_to(answer)

    @property
    def waiting(self) -> int:
        """Count the requests the stack has not answered yet."""
        return len(self._waiting)
