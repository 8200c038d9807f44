"""The look of all figures: colours, sizes, and what to draw where there is nothing.

The colours are from Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), which colour-blind
readers can tell apart.
"""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib_inline.backend_inline import set_matplotlib_formats

GOOD, BAD, UNJUDGED = "#009E73", "#D55E00", "#CCCCCC"
INK, ACCENT = "#333333", "#0072B2"
BOX_COLOURS = ("#E69F00", "#56B4E9", "#F0E442", "#CC79A7", "#009E73", "#D55E00")

# Inches, but for the type, which is in points: large enough for the back row of a classroom.
WIDTH, GAP, TITLE = 10, 0.12, 0.3
TYPE, CAPTION = 13, 11
LINE = 1.25 * CAPTION / 72


def use_style() -> None:
    """Set the figure style; figures are stored as JPEG, so that notebooks stay small.

    They have a white ground, in a dark notebook, too. Texts are shown as they are: a folder's name
    with two dollar signs is no formula.
    """
    set_matplotlib_formats("jpeg", pil_kwargs={"quality": 82})
    frame = {"axes.spines.top": False, "axes.spines.right": False, "figure.facecolor": "white"}
    large = {"font.size": TYPE, "axes.titlesize": TYPE, "axes.labelsize": TYPE}
    smaller = dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), CAPTION)
    colours = {"axes.prop_cycle": plt.cycler(color=[ACCENT, BAD, GOOD, *BOX_COLOURS])}
    general = {"figure.dpi": 90, "text.parse_math": False}
    plt.rcParams.update({**general, **colours, **frame, **large, **smaller})


def nothing(axis: Axes) -> Figure:
    """Say on an axis that there is nothing to draw, and return its figure."""
    axis.set_axis_off()
    text = "There is nothing to draw here."
    axis.text(0.5, 0.5, text, ha="center", va="center", transform=axis.transAxes, in_layout=False)
    return axis.figure
