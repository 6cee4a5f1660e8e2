"""The console: pages for people who operate orders and operations, served by the gateway itself."""
