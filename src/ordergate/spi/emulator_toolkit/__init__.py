"""The parts of an emulator that do not depend on the provider: ids, stored responses, pages, switches and data.

An adapter's emulator builds on these modules and on ``ordergate.spi.emulator``, so that its own files contain
only facts about its provider. Nothing here performs I/O on the network or reads a clock.
"""
