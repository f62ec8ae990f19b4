"""Searches for the values at which a picture abruptly changes."""
