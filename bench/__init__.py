"""What it costs: handshakes and throughput, ours beside strongSwan's in the same run."""
