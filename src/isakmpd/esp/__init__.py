"""Protect and check single packets (RFC 4303): functions of octets and SA state, without I/O."""
