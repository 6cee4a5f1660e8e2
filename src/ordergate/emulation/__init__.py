"""Runs a provider's emulator as an HTTP server: the socket, the clock, the faults and the control plane.

The adapter contains the provider's behaviour (see ``ordergate.spi.emulator``); this package serves it. Only
``app``, ``control`` and ``server`` import the web framework, because its import is slow.
"""
