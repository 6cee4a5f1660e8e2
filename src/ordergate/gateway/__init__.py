"""The use cases, in rooms by subject. Imports flow one way between the rooms."""
