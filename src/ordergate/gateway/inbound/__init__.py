"""Providers' events: received, polled, and the orders that are read again because of them."""
