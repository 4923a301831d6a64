"""Turn what an administrator says into commands, and what the engine shows into text."""
