"""The state carried on a branch of the remote, for runners that have no disk of their own.

A commit there has the state as encrypted files, and who holds it until when. Whoever wants to send pushes a commit on
top of the last one, without force: the remote takes one of two, so that git itself says who holds the state. Before a
slice of readers is mailed, the state in which they are claimed is pushed.
"""
