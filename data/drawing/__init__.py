"""Draws the sample pictures: `pen` is the tool, the other files are the subjects."""
