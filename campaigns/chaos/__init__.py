"""A campaign of faults, kills and cut connections, and a verdict on what the gateway made of it."""
