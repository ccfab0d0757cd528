"""The forges on which a publication's repository may lie: GitHub, GitLab and Forgejo.

`workflow_files` has what their runners do for a publication, `review_comment` the one comment on a pull request, and
`markdown_escapes` writes text that their pages show as it is.
"""
