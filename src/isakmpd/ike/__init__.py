"""Decide: the IKEv1 engine, a pure function of its state, what arrives and the time."""
