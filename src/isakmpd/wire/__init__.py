"""Turn octets into values and back: all that ISAKMP puts on the wire, nothing that decides."""
