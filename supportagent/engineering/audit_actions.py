"""Engineering's part of the audit vocabulary. Titles and summaries stay out of the leaves."""

from audit.actions import register

register("engineering.issue.filed", "A fault was filed with the engineers")
