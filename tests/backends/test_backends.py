"""A backend is known by its name alone."""

from conftest import Publication


def test_an_unknown_backend(publication: Publication) -> None:
    publication.environ["NEWSLETTER_SEND__BACKEND"] = "pigeon"
    done = publication.run("send", "2.10", "--yes")
    assert done.returncode == 2
    assert "no backend named 'pigeon' is installed" in done.stderr
    assert "Installed: command, maildir, smtp." in done.stderr
    assert not (publication.root / ".newsletter").exists()
