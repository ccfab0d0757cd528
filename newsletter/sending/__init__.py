"""Sending of a campaign over any backend: worker, claim loop, dispatcher, connections and throttle."""
