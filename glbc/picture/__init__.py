"""The live picture of the controller, as values: what is shown outside of it, and how it is drawn."""
