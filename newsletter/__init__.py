"""One text becomes an email, a plain text and a PDF, and reaches every reader once.

Data flows one way through the rooms of this package:

    draft.yaml -> issue -> editions -> mail -> delivery -> backends
"""
