"""Who gets it: the subscriber list, and who asked to leave."""
