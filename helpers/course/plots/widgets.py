"""Widgets that leave a figure behind in pages that can't run them."""

import base64
import io
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure


class WidgetOrFigure:
    """A widget, and in a page that can't run it, such as one made by nbconvert, a figure."""

    def __init__(self, widget: Any, figure: Figure):
        self.widget, self.picture = widget, jpeg(figure)

    def _repr_mimebundle_(self, **_options):
        return self.widget._repr_mimebundle_() | {"image/jpeg": self.picture}


def jpeg(figure: Figure) -> str:
    """Return a figure as a JPEG in base64, and close it, so that a notebook doesn't draw it too."""
    file = io.BytesIO()
    figure.savefig(file, format="jpeg", bbox_inches="tight", pil_kwargs={"quality": 82})
    plt.close(figure)
    return base64.b64encode(file.getvalue()).decode()
