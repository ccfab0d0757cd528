"""The two web servers: the public pages for readers, and the preview for editors."""
