"""Measuring: ratios against references in the same run."""
