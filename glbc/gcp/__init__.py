"""The Compute Engine side. `client` is the only module that imports google."""
