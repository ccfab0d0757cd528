"""The live preview: a draft in every edition, in the browser, as it is on disk.

`local_server.preview` names the stages. `file_watch` yields changed files; `preview_engine` renders each draft that
somebody follows, and tells its followers; `rendered_draft` is one valid state with its editions; `access` lets the
browser in, and `endpoints` answers it. The browser's side is the plain HTML, CSS and JavaScript in `page/`.
"""
