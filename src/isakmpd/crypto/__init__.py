"""Compute: hashes, ciphers, Diffie-Hellman groups and IKE's key derivation, over well-kept libraries."""
