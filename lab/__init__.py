"""Real labs on one machine: network namespaces, captures, pings, and the daemons under test."""
