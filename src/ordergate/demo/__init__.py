"""The demonstration: every installed provider's emulator, a gateway, and a tour over real HTTP."""
