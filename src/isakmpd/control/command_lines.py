"""Write commands as the lines an administrator would have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from isakmpd.config.bindings import (
    AddElement,
    Change,
    RemoveElement,
    RemoveSection,
    RemoveTag,
    SetValue,
)
from isakmpd.control import commands as fifo

_WITHOUT_OPERANDS: Final[Mapping[type[fifo.Plain], str]] = {
    fifo.TeardownAll: "T",
    fifo.ShowSas: "S",
    fifo.ShowStatus: "s",
    fifo.Report: "r",
    fifo.Reinitialize: "R",
    fifo.Shutdown: "Q",
    fifo.ToggleLogLevels: "D T",
    fifo.StopCapture: "p off",
}


def line_of(command: fifo.Plain) -> str:
    """Write a command as a line that ``commands.parse`` reads."""
    match command:
        case fifo.ChangeConfiguration(change):
            line = f"C {_change(change)}"
        case fifo.GetValue(section, tag):
            line = f"C get [{section}]:{tag}"
        case fifo.Connect(name):
            line = f"c {name}"
        case fifo.Teardown(name, phase):
            line = f"t {'main' if phase == 1 else 'quick'} {name}"
        case fifo.SetLogLevel(which, level):
            line = f"D {which} {level}"
        case fifo.StartCapture(path):
            line = f"p on={path}" if path else "p on"
        case fifo.DeleteSa():
            line = f"d {command.cookies} {command.number}"
        case fifo.SetMode(active):
            line = f"M {'active' if active else 'passive'}"
        case _:
            line = _WITHOUT_OPERANDS[type(command)]
    return line


def _change(change: Change) -> str:
    match change:
        case SetValue(section, tag, value, force):
            return f"set [{section}]:{tag}={value}{' force' if force else ''}"
        case AddElement(section, tag, value):
            return f"add [{section}]:{tag}={value}"
        case RemoveElement(section, tag, value):
            return f"rmv [{section}]:{tag}={value}"
        case RemoveTag(section, tag):
            return f"rm [{section}]:{tag}"
        case RemoveSection(section):
            return f"rms [{section}]"
