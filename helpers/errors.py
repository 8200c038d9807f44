"""Errors that a learner can cause: in a notebook they show their text, not a page of traceback."""


class Plain:
    """Mixed into exceptions whose text says what happened and then what to do about it."""

    def _render_traceback_(self):
        """Return the lines that IPython shows instead of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class PlainError(Plain, Exception):
    """Mixed into our errors. An interruption is Plain and no error: nothing may swallow Ctrl-C."""
