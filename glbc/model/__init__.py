"""The nouns: keys, specs, graphs, views. Frozen values, no behaviour beyond their own shape."""
