"""Figures that later work is judged by: counts and ratios of one run. `make bench` prints them."""
