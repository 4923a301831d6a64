"""Be what is typed: the programs' command lines."""
