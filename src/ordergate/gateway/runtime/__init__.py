"""The parts of a running process that use cases share."""
