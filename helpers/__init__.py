"""What the notebooks import: one folder per chapter, and imports that only ever point down.

fetch -> dataset (01) -> features (02) -> index (03) -> search (04), and course around them all.
"""
