"""Be isakmpd: OpenBSD's IKEv1 daemon, anew."""
