"""PDFs read into blocks: lines, paragraphs and lists found again from where their letters are."""
