"""What the gateway needs of its host: steady time, reads that may block, certificate authorities."""
