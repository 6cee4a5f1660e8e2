"""The whole gateway in one thread of virtual time: stopped everywhere, with a network that goes wrong."""
