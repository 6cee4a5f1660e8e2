"""The console: pages on which people look after orders and operations, served by the gateway itself."""
