"""The whole gateway in one thread of virtual time: it stops at every step, and the network fails."""
