"""The live preview: a draft in every edition, in the browser, as it stands on disk.

`server.preview` names the stages. `watch` says that files have changed; `studio` looks at each draft that
somebody follows, and tells its followers; `proof` is one good state of a draft with its editions; `entrance` lets the
browser in, and `app` answers it, whose side is the plain HTML, CSS and JavaScript in `page/`.
"""
