"""The loop: the only room with threads, and the owner of inventory and plan."""
