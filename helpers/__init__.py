"""Plumbing for the bootcamp's notebooks; importing it loads nothing and touches no disk."""
