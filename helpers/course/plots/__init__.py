"""Figures for the notebooks, each returned as a matplotlib Figure with all labels.

Every notebook draws with them: `style` sets the look, `pictures`, `charts`, `measures` (of
notebook 05) and `scale` (of 06) draw, and `widgets` shows a figure where a page can't run a widget.
"""

from helpers.lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    style=("ACCENT", "BAD", "BOX_COLOURS", "GOOD", "INK", "UNJUDGED", "use_style"),
    pictures=("annotated", "feature_maps", "gallery", "overlays", "side_by_side"),
    charts=("bars", "cells_and_walk", "matrix", "picture_map"),
    measures=(
        "channel_spread",
        "compared_classes",
        "confusion",
        "frontier",
        "precision_curves",
        "recall_latency",
    ),
    scale=("load_curves", "timeline"),
    widgets=("WidgetOrFigure", "jpeg"),
)
