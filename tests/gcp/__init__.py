"""The Compute Engine side, against canned answers and against the fake cloud."""
