"""The search page: the finished engine for everybody else, and a widget for notebook 04.

In go an `Engine` and what a visitor does; out come messages that the front end in `browser/`
draws. `session` is the visitor, `widget` connects it to a notebook.
"""
