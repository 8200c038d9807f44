"""Behind the search page: what a visitor may ask for (Python) and what they see (`browser/`)."""
