"""Feedback by mail: its sources, the recognition of what it says, the attribution to a delivery, and the decision."""
