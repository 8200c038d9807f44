"""The checks behind the exercises: is this answer right, and if it isn't, what helps?

Every notebook calls them from its cells. A check works out the right answer from the learner's own
data, prints praise, a known mistake or a hint, and returns True or False; it never raises.
"""

from helpers.lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    notebook_01=("two_classes", "shows_both", "rarely_alone", "boxes_drawn"),
    notebook_02=("swapped_channels", "closest_classes", "strongest_channel", "top_three_pooling"),
    notebook_03=("either_but_not", "smallest_nprobe", "found_again"),
    notebook_04=("own_average_precision", "mistaken_for", "region_search"),
    notebook_05=("beats_the_board", "class_hurt", "phone"),
    notebook_06=("sized", "latency_doubles", "nothing_lost"),
)
