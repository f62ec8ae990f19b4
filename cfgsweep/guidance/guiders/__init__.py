"""Guiders. A module here with a named subclass of Guider is all that a new one takes."""
