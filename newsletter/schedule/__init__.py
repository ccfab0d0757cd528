"""The schedule: campaigns that wait for their moment."""
