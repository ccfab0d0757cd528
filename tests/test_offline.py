"""The suite asks no name server, in this process and in the runs of the command line."""

import socket

import pytest
from conftest import Publication


def test_only_this_machine_has_a_name() -> None:
    assert socket.getaddrinfo("127.0.0.1", 80)
    assert socket.getaddrinfo("localhost", 80)
    with pytest.raises(socket.gaierror, match="Temporary failure"):
        socket.getaddrinfo("example.org", 443)


def test_runs_of_the_command_line_reach_nobody_either(publication: Publication) -> None:
    result = publication.run("draft", "check", "2.10", "--links")
    assert result.returncode == 0
    assert "not reached" in result.stdout
    assert " fine" not in result.stdout
