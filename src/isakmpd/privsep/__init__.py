"""Everything the daemon may do only with privileges, behind one interface of plain requests."""
