"""Understand isakmpd.conf: text in, typed configuration and helpful complaints out."""
