"""Back issues in other forms, such as Markdown, HTML, sent mail, Word and PDF, read into drafts."""
