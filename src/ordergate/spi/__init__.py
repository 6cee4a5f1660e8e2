"""All that an adapter's author reads: what an adapter is, what it is told and what it answers."""
