"""Speak just enough PPP over a terminal to prove that frames cross an L2TP session both ways.

It stands in for pppd, which needs PPP in the kernel. xl2tpd starts it with the session's terminal
as standard input. Twice a second it sends an LCP Echo-Request that carries NAME, and answers those
it gets (RFC 1661 section 5.8, in the framing of RFC 1662); every line of its log is a name heard.
"""

import os
import select
import sys
import time
import tty

FLAG, ESCAPE, MASK = 0x7E, 0x7D, 0x20
ADDRESS_CONTROL_LCP = bytes.fromhex("ff03c021")
ECHO_REQUEST, ECHO_REPLY = 9, 10
INTERVAL = 0.5  # seconds


def checksum(octets: bytes) -> bytes:
    """Compute the frame check sequence (RFC 1662 appendix C)."""
    fcs = 0xFFFF
    for octet in octets:
        fcs ^= octet
        for _ in range(8):
            fcs = fcs >> 1 ^ (0x8408 if fcs & 1 else 0)
    return (fcs ^ 0xFFFF).to_bytes(2, "little")


def framed(octets: bytes) -> bytes:
    """Frame and escape what a terminal carries."""
    escaped = bytearray()
    for octet in octets + checksum(octets):
        if octet < 0x20 or octet in (FLAG, ESCAPE):
            escaped += bytes((ESCAPE, octet ^ MASK))
        else:
            escaped.append(octet)
    return bytes((FLAG, *escaped, FLAG))


def unframed(octets: bytes) -> bytes:
    """Undo the escapes of one frame without its flags."""
    plain = bytearray()
    escaped = False
    for octet in octets:
        if octet == ESCAPE:
            escaped = True
        else:
            plain.append(octet ^ MASK if escaped else octet)
            escaped = False
    return bytes(plain)


def echo(code: int, name: bytes) -> bytes:
    """Make an LCP echo: code, identifier, length, magic number, data."""
    return ADDRESS_CONTROL_LCP + bytes((code, 1)) + (8 + len(name)).to_bytes(2) + bytes(4) + name


def heard(frame: bytes) -> tuple[int, bytes] | None:
    """Read an LCP echo, None for anything else or a wrong check sequence."""
    body = frame[:-2]
    if len(frame) < 14 or checksum(body) != frame[-2:] or body[:4] != ADDRESS_CONTROL_LCP:
        return None
    return body[4], body[12:]


def main() -> None:
    """Talk until the terminal goes."""
    name = os.environ["PPP_NAME"].encode()
    tty.setraw(0)
    with open(os.environ["PPP_LOG"], "a", buffering=1) as log:
        waiting = b""
        due = 0.0
        while True:
            if time.monotonic() >= due:
                os.write(0, framed(echo(ECHO_REQUEST, name)))
                due = time.monotonic() + INTERVAL
            if not select.select([0], [], [], 0.1)[0]:
                continue
            octets = os.read(0, 4096)
            if not octets:
                return
            *frames, waiting = (waiting + octets).split(bytes((FLAG,)))
            for frame in frames:
                got = heard(unframed(frame))
                if got is None:
                    continue
                if got[0] == ECHO_REQUEST:
                    os.write(0, framed(echo(ECHO_REPLY, name + b" answers " + got[1])))
                else:
                    log.write(got[1].decode(errors="replace") + "\n")


if __name__ == "__main__":
    try:
        main()
    except OSError:
        sys.exit(0)
