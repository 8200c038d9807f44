"""What the notebooks import: one folder per subject, each importing only from those before it.

fetch, dataset (01), features (02), index (03), search (04), course (all notebooks).
"""
