"""The host: a steady clock, reads with a timeout, certificate authorities."""
