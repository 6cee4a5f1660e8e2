"""The top: it wires the parts together and runs a process."""
