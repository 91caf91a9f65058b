"""The verbs: compare desired with actual, decide what to do, and draw it. Pure."""
