"""Carry datagrams between simulated hosts, badly on demand."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.ike.entropy import Entropy, fraction


@dataclass(frozen=True, slots=True)
class Weather:
    """Describe what a link does to datagrams: shares from 0 to 1, delays in seconds."""

    loss: float = 0.0
    duplication: float = 0.0
    delay: float = 0.01
    jitter: float = 0.0  # what exceeds the spacing of datagrams reorders them


FAIR = Weather()


class Link:
    """Decide the fate of datagrams by seed."""

    def __init__(self, entropy: Entropy, weather: Weather = FAIR) -> None:
        self._entropy = entropy
        self.weather = weather
        self.last_loss: float | None = None
        self.lost = 0

    def arrivals(self, now: float) -> tuple[float, ...]:
        """Draw when each copy of a datagram sent at ``now`` arrives; nothing for a lost one."""
        weather = self.weather
        if weather.loss and fraction(self._entropy) < weather.loss:
            self.lose(now)
            return ()
        twice = weather.duplication and fraction(self._entropy) < weather.duplication
        return tuple(now + self._delay() for _ in range(2 if twice else 1))

    def lose(self, now: float) -> None:
        """Note that a datagram is lost."""
        self.last_loss = now
        self.lost += 1

    def _delay(self) -> float:
        if not self.weather.jitter:
            return self.weather.delay
        return self.weather.delay + self.weather.jitter * fraction(self._entropy)
