"""Touch the system: sockets, files, clocks, signals. All the rest decides without them."""
