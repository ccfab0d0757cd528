"""Sends a campaign's messages: dispatcher, connections and throttle, over any backend."""
