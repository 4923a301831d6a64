"""Compute hashes, ciphers, Diffie-Hellman secrets and keys, over well-kept libraries."""
