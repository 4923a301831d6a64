"""Judge whose key is whose: certificates, revocation lists and raw keys (RFC 5280, RFC 4945)."""
