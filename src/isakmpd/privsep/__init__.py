"""Do what takes privileges, and only that, behind one interface of plain requests."""
