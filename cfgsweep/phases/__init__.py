"""Finding the values at which a picture abruptly changes."""
