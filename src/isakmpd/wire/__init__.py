"""Turn octets into values and back: everything ISAKMP puts on the wire, and nothing that decides."""
