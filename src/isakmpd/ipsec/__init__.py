"""Carry out what the engine asks of an IPsec stack, behind one Protocol."""
