"""A campaign of faults, kills and cut connections, and a verdict on the gateway's results."""
