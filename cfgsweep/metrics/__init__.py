"""Metrics of pictures.

A module here with a named subclass of PictureMetric or GroupMetric is all that a new one takes.
"""
