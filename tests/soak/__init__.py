"""Random trouble for as long as told. `make soak MINUTES=5` makes it."""
