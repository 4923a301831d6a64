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


@dataclass(frozen=True, slots=True)
class Fate:
    """Tell after how many seconds each copy of a datagram arrives; nothing for a lost one."""

    arrivals: tuple[float, ...]


class Link:
    """Decide the fate of datagrams by seed."""

    def __init__(self, entropy: Entropy, weather: Weather = FAIR) -> None:
        self._entropy = entropy
        self.weather = weather
        self.last_loss: float | None = None
        self.lost = 0

    def fate(self, now: float) -> Fate:
        """Draw what happens to a datagram sent at ``now``."""
        if fraction(self._entropy) < self.weather.loss:
            self.last_loss = now
            self.lost += 1
            return Fate(())
        copies = 2 if fraction(self._entropy) < self.weather.duplication else 1
        return Fate(tuple(self._delay() for _ in range(copies)))

    def _delay(self) -> float:
        return self.weather.delay + self.weather.jitter * fraction(self._entropy)
