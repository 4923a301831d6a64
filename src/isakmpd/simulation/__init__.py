"""Run whole daemons in virtual time, over links that lose, delay and duplicate."""
