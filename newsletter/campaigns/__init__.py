"""Campaigns before they are sent: what the editor asks for, the plan, the batches of the list, and the sent record."""
