"""IMAP mailboxes, on a real Dovecot; what no Dovecot does is said by a server of a few lines."""

import socket
import threading
import time
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import dovecot
import pytest
from dovecot import PASSWORD, Dovecot

from newsletter.errors import ConfigError, DeliveryError, NewsletterError
from newsletter.feedback.mail.sources import MOST, AfterProcessing, MailSource, StoredMail, imap_limits, open_source

pytestmark = pytest.mark.skipif(bool(dovecot.unavailable()), reason=dovecot.unavailable())


def message(number: int, text: str = "user unknown") -> bytes:
    return f"From: postmaster@example.org\r\nSubject: {number}\r\n\r\n{text}\r\n".encode()


@pytest.fixture(scope="module")
def running() -> Iterator[Dovecot]:
    with dovecot.dovecot() as server:
        yield server


@pytest.fixture
def server(running: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Dovecot:
    monkeypatch.setenv("SSL_CERT_FILE", str(running.certificate))
    return running.fresh()


@contextmanager
def opened(
    url: str,
    after: AfterProcessing = "leave",
    password: str | None = PASSWORD,
    timeout: float = 20,
    deadline: float = 60,
) -> Iterator[MailSource]:
    with open_source(
        url, after=after, password=lambda _host, _username: password, timeout=timeout, deadline=deadline
    ) as source:
        yield source


def read(url: str, after: AfterProcessing = "leave", known: Sequence[str] = ()) -> list[StoredMail]:
    """Return every message, each filed when it was handled."""
    with opened(url, after) as source:
        mails = []
        for mail in source.mails(known.__contains__):
            mails.append(mail)
            source.file(mail)
        return mails


def subjects(server: Dovecot, folder: str = "INBOX") -> list[bytes]:
    return [text.partition(b"Subject: ")[2].partition(b"\n")[0] for text, _ in server.held(folder)]


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_messages_are_read_and_left_as_they_were(server: Dovecot, security: str) -> None:
    server.fill(message(1), message(2))
    with server.client() as box:
        box.flag("2", "\\Flagged", True)
    before = server.held()
    url = server.url() if security == "tls" else server.plain_url()
    with opened(url) as source:
        assert len(source) == 2
        assert source.place == f"INBOX of {server.user} at localhost"
        mails = list(source.mails(lambda _key: False))
    assert [(mail.name, mail.data, mail.cut_off) for mail in mails] == [
        ("INBOX:1", message(1), False),
        ("INBOX:2", message(2), False),
    ]
    assert [(text, flags - {"\\Recent"}) for text, flags in server.held()] == [
        (text, flags - {"\\Recent"}) for text, flags in before
    ]
    assert not any("\\Seen" in flags for _, flags in server.held())
    assert f"user=<{server.user}>, method=PLAIN" in server.log()
    assert read(url, known=[mail.key for mail in mails]) == []


def test_what_is_known_is_not_fetched_again(server: Dovecot) -> None:
    server.fill(message(1, "x" * 100_000))
    known = [mail.key for mail in read(server.url())]
    assert known[0].startswith(f"imap:{server.user}@localhost/INBOX:")
    server.fill(message(2))
    assert [mail.data for mail in read(server.url(), known=known)] == [message(2)]
    sessions = [line for line in server.log().splitlines() if f"imap({server.user})" in line and "out=" in line]
    assert int(sessions[-1].partition(" out=")[2].split()[0]) < 10_000


def test_the_key_is_another_when_the_server_numbers_anew(server: Dovecot) -> None:
    with server.client() as box:
        box.folder.create("Bounces")
        box.append(message(1), "Bounces")
    first = read(server.url("Bounces"))
    with server.client() as box:
        box.folder.delete("Bounces")
        box.folder.create("Bounces")
        box.append(message(2), "Bounces")
    (second,) = read(server.url("Bounces"), known=[mail.key for mail in first])
    assert second.name == first[0].name == "Bounces:1"
    assert second.data == message(2)


def test_handled_messages_are_moved_into_a_folder_that_is_made(server: Dovecot) -> None:
    server.fill(*map(message, range(1, 4)))
    with opened(server.url(), "move") as source:
        for mail in source.mails(lambda _key: False):
            if mail.name != "INBOX:2":
                source.file(mail)
    assert subjects(server) == [b"2"]
    assert not any("\\Seen" in flags for _, flags in server.held())
    assert subjects(server, "handled") == [b"1", b"3"]
    with server.client() as box:
        assert [folder.name for folder in box.folder.list(subscribed_only=True)] == ["handled"]
    assert len(read(server.url(), "move")) == 1
    assert subjects(server, "handled") == [b"1", b"3", b"2"]
    assert read(server.url(), "move") == []


def test_what_an_interrupted_run_handled_and_did_not_move_is_moved_by_the_next(server: Dovecot) -> None:
    server.fill(message(1), message(2))
    known = [read(server.url())[0].key]
    with opened(server.url(), "move") as source:
        assert len(list(source.mails(known.__contains__))) == 1
    assert subjects(server) == [b"2"]
    assert subjects(server, "handled") == [b"1"]


def test_what_was_handled_before_a_stop_is_moved_when_the_rest_is_left_unread(server: Dovecot) -> None:
    server.fill(message(1), message(2))
    with opened(server.url(), "move") as source:
        source.file(next(source.mails(lambda _key: False)))
    assert subjects(server) == [b"2"]


def test_a_folder_is_named_as_people_write_it(server: Dovecot) -> None:
    server.fill(message(1), folder="Zurückgekommen & mehr")
    (mail,) = read(server.url("Zur%C3%BCckgekommen%20%26%20mehr"), "move")
    assert mail.name == "Zurückgekommen & mehr:1"
    assert subjects(server, "handled") == [b"1"]


def test_only_the_beginning_of_a_large_message_is_fetched(server: Dovecot) -> None:
    large = b"Subject: 1\r\n\r\n" + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * (MOST // 50)
    server.fill(large, message(2), b"Subject: 3\r\n\r\n")
    first, second, third = read(server.url())
    assert (first.data, first.cut_off) == (large[:MOST], True)
    assert (second.data, second.cut_off) == (message(2), False)
    assert third.data == b"Subject: 3\r\n\r\n"
    sessions = [line for line in server.log().splitlines() if f"imap({server.user})" in line and "out=" in line]
    assert int(sessions[-1].partition(" out=")[2].split()[0]) < MOST + 20_000


def test_more_messages_than_fit_one_command(server: Dovecot) -> None:
    count = 603
    server.fill(message(0))
    (first,) = [path for part in ("cur", "new") for path in (server.maildir / part).iterdir()]
    for number in range(1, count):
        first.with_name(f"{1_800_000_000 + number}.M1P1.host").write_bytes(message(number).replace(b"\r\n", b"\n"))
    with opened(server.url(), "move") as source:
        assert len(source) == count
        numbers = []
        for mail in source.mails(lambda key: key.endswith("7")):
            numbers.append(int(mail.at))
            source.file(mail)
    assert numbers == [uid for uid in range(1, count + 1) if uid % 10 != 7]
    with server.client("handled") as box:
        assert len(box.uids()) == count


def test_a_message_that_vanishes_meanwhile_is_passed_over(server: Dovecot) -> None:
    server.fill(*map(message, range(1, 5)))
    with opened(server.url(), "move") as source:
        with server.client() as box:
            box.delete("1")
        mails = list(source.mails(lambda _key: False))
        assert [mail.name for mail in mails] == ["INBOX:2", "INBOX:3", "INBOX:4"]
        with server.client() as box:
            box.delete("3")
        for mail in mails:
            source.file(mail)
    assert subjects(server) == []
    assert subjects(server, "handled") == [b"2", b"4"]


def test_what_somebody_marked_as_deleted_is_neither_read_nor_removed(server: Dovecot) -> None:
    server.fill(message(1), message(2))
    with server.client() as box:
        box.client.uid("STORE", "1", "+FLAGS", "\\Deleted")
    assert [mail.name for mail in read(server.url(), "move")] == ["INBOX:2"]
    assert subjects(server) == [b"1"]


@pytest.mark.slow
@pytest.mark.parametrize("uidplus", [True, False])
def test_a_server_that_can_only_copy(uidplus: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with dovecot.dovecot(f"imap_capability = IMAP4rev1 LITERAL+ {'UIDPLUS' if uidplus else ''}") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        server.fill(message(1), message(2))
        with server.client() as box:
            box.client.uid("STORE", "1", "+FLAGS", "\\Deleted")
        assert len(read(server.url(), "move")) == 1
        assert subjects(server, "handled") == [b"2"]
        assert subjects(server) == ([b"1"] if uidplus else [b"1", b"2"])
        assert read(server.url(), "move") == []  # what is marked as deleted is as good as moved


@pytest.mark.slow
def test_a_server_that_keeps_ones_own_folders_below_the_inbox(monkeypatch: pytest.MonkeyPatch) -> None:
    namespace = ("namespace inbox {", "inbox = yes", "separator = .", "prefix = INBOX.", "}")
    with dovecot.dovecot(*namespace) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        server.fill(message(1))
        assert len(read(server.url(), "move")) == 1
        assert subjects(server, "INBOX.handled") == [b"1"]
        with pytest.raises(ConfigError, match=r"Handled messages are moved into INBOX\.handled"):
            read(server.url("INBOX.handled"), "move")


def test_what_is_moved_in_the_files_is_in_the_mail_program_s_folder(server: Dovecot) -> None:
    server.fill(message(1), message(2))
    server.maildir.chmod(0o700)
    with open_source(str(server.maildir), after="move", password=lambda _host, _username: None) as source:
        mail = next(source.mails(lambda _key: False))
        source.file(mail)
    # Dovecot names files by the microsecond, without leading zeros: of one second, either may be the first.
    assert subjects(server) == [b"2" if b"Subject: 1" in mail.data else b"1"]
    assert [flags - {"\\Recent"} for _, flags in server.held("handled")] == [{"\\Seen"}]


def failure(url: str, **options: object) -> NewsletterError:
    with pytest.raises(NewsletterError) as raised, opened(url, **options) as source:  # type: ignore[arg-type]
        list(source.mails(lambda _key: False))
    assert PASSWORD not in f"{raised.value} {raised.value.next_step}"
    return raised.value


def test_a_wrong_password_is_the_server_s_to_refuse(server: Dovecot) -> None:
    error = failure(server.url(), password="wrong")
    assert isinstance(error, DeliveryError)
    assert f"localhost:{server.tls_port} refused the login of {server.user}: [AUTHENTICATIONFAILED]" in error.message
    assert "Check the user" in error.next_step


@pytest.mark.parametrize("password", [None, "with\r\na LOGOUT", "\0"])
def test_a_password_that_can_t_be_one_is_not_sent(server: Dovecot, password: str | None) -> None:
    error = failure(server.url(), password=password)
    assert isinstance(error, ConfigError)
    assert "NEWSLETTER_INBOX__PASSWORD" in error.next_step


def test_a_missing_folder_names_those_there_are(server: Dovecot) -> None:
    server.fill(message(1), folder="Bounces")
    error = failure(server.url("Bounce"))
    assert isinstance(error, ConfigError)
    assert f"does not open Bounce of {server.user} at localhost: Mailbox doesn't exist" in error.message
    assert error.next_step == "Did you mean 'Bounces'? There are: Bounces, INBOX"


def test_a_certificate_of_nobody_s_or_for_another_name(server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    error = failure(server.url(host="127.0.0.1"))
    assert "can't be trusted: IP address mismatch" in error.message
    assert "the name that the certificate is made out to" in error.next_step
    monkeypatch.delenv("SSL_CERT_FILE")
    for url in (server.url(), server.plain_url()):
        error = failure(url)
        assert isinstance(error, DeliveryError)
        assert "can't be trusted: self-signed certificate" in error.message
        assert "SSL_CERT_FILE" in error.next_step


def test_a_port_that_speaks_otherwise(server: Dovecot) -> None:
    assert "does not answer in TLS as expected" in failure(server.plain_url().replace("imap:", "imaps:")).message
    assert "did not answer in time" in failure(server.url().replace("imaps:", "imap:"), timeout=0.5).message


def test_no_server_and_no_host() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert "No connection to 127.0.0.1:" in failure(f"imap://ada@127.0.0.1:{free.getsockname()[1]}/").message
    assert "can't be the name of a server" in failure(f"imap://ada@{'x' * 70}.localhost/").message


@pytest.mark.slow
def test_a_server_without_encryption_is_for_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with dovecot.dovecot("ssl = no") as server:
        server.fill(message(1))
        assert len(read(server.plain_url(host="127.0.0.1"))) == 1
        # 127.1 is a name to us, as the name of any host would be.
        error = failure(server.plain_url(host="127.1"))
        assert "offers no encryption, and the password would cross the network" in error.message
        assert server.log().count("Login:") == 2  # the test's own, and the one above


GREETING = b"* OK [CAPABILITY IMAP4rev1] ready\r\n"


@contextmanager
def scripted(*answers: bytes) -> Iterator[str]:
    """Yield the address of a server that says GREETING, an answer to each line, with TAG in it, and then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)

        def talk() -> None:
            connection, _ = listening.accept()
            # A client that is told nonsense goes before all of it was said.
            with suppress(ConnectionError), connection, connection.makefile("rb") as lines:
                connection.settimeout(20)
                connection.sendall(answers[0])
                for answer in answers[1:]:
                    tag = lines.readline().split(b" ")[0]
                    connection.sendall(answer.replace(b"TAG", tag))

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield f"imap://ada@127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            thread.join()


CAPABLE = b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n"
OPENED = (
    GREETING,
    CAPABLE,
    b"TAG OK in\r\n",
    CAPABLE,
    b"* 3 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\nTAG OK [READ-ONLY] open\r\n",
    b"* SEARCH 10 20 30\r\nTAG OK done\r\n",
)


def test_a_connection_that_breaks_in_the_middle() -> None:
    sizes = b"".join(b"* %d FETCH (UID %d0 RFC822.SIZE 7)\r\n" % (n, n) for n in (1, 2, 3)) + b"TAG OK done\r\n"
    for answers in (OPENED, (*OPENED, sizes), (*OPENED, sizes, b"* 1 FETCH (UID 10 BODY[]<0> {7}\r\nab")):
        with scripted(*answers) as url:
            error = failure(url)
        assert isinstance(error, DeliveryError)
        assert "The connection to 127.0.0.1:" in error.message
        assert "was lost" in error.message
        assert "goes on from there" in error.next_step


def test_a_server_that_says_goodbye() -> None:
    with scripted(*OPENED, b"* BYE we \x1b[31mclose\r\nTAG OK done\r\n") as url:
        assert failure(url).message.endswith(r"was lost: command: UID => we \x1b[31mclose")
    with scripted(b"* BYE too many connections\r\n") as url:
        assert "does not answer as an IMAP server" in failure(url).message
    with scripted(b"220 mail.example.org ESMTP\r\n") as url:
        assert "does not answer as an IMAP server" in failure(url).message
    with scripted(b"") as url:
        assert isinstance(failure(url), DeliveryError)


@pytest.mark.parametrize("answer", [
    b"TAG NO not LOGIN ada " + PASSWORD.encode(),
    b'TAG NO not LOGIN "ada" "se\\"cr\\\\et"',
    b'TAG BAD what is LOGIN "ada" "se\\"cr\\\\et"',
    b"TAG NO not " + b64encode(f"\0ada\0{PASSWORD}".encode()),
    b"TAG NO [UNAVAILABLE] not " + PASSWORD.encode(),
])  # fmt: skip
def test_an_echo_of_the_password_is_not_shown(answer: bytes) -> None:
    with scripted(GREETING, CAPABLE, answer + b"\r\n") as url:
        error = failure(url)
    code = "[UNAVAILABLE]" if b"[" in answer else "its reason is not shown, since it may quote the password"
    assert error.message.endswith(f"refused the login of ada: {code}")
    assert error.__cause__ is None


@pytest.mark.parametrize("form", [PASSWORD, b64encode(f"\0ada\0{PASSWORD}".encode()).decode()])
def test_an_echo_of_the_password_in_what_is_said_later_is_hidden(form: str) -> None:
    said = form.encode()
    for answers in (
        (*OPENED[:4], b"TAG NO no INBOX for " + said + b"\r\n", b'* LIST () "/" INBOX\r\nTAG OK done\r\n'),
        (*OPENED[:5], b"TAG BAD what is " + said + b"\r\n"),
        (*OPENED[:5], b"* BYE " + said + b"\r\nTAG OK done\r\n"),
    ):
        with scripted(*answers) as url:
            error = failure(url)
        shown = "".join(traceback.format_exception(error))
        assert "[hidden]" in error.message
        assert form not in shown


def test_answers_in_any_order_and_by_the_way() -> None:
    """RFC 9051, section 7.5.2: a text may be a literal, a quoted string or NIL; flags may be said at any time."""
    sizes = b"* 3 FETCH (RFC822.SIZE 7 UID 30)\r\n* 1 FETCH (FLAGS (\\Seen))\r\n* 1 FETCH (UID 10 RFC822.SIZE 7)\r\n" \
            b"* 2 FETCH (UID 20 RFC822.SIZE 0)\r\nTAG OK done\r\n"  # fmt: skip
    bodies = (
        b"* 3 FETCH (BODY[]<0> {7}\r\na: b\r\n\n UID 30 FLAGS (\\Seen))\r\n* 2 FETCH (FLAGS (\\Seen))\r\n"
        b'* 2 FETCH (UID 20 BODY[]<0> NIL)\r\n* 1 FETCH (BODY[]<0> "say \\"UID 99\\"" UID 10)\r\nTAG OK done\r\n'
    )
    with scripted(*OPENED, sizes, bodies, b"* BYE\r\nTAG OK done\r\n") as url, opened(url) as source:
        mails = list(source.mails(lambda _key: False))
    assert [(mail.key.rpartition("/")[2], mail.data) for mail in mails] == [
        ("INBOX:9:10", b'say "UID 99"'),
        ("INBOX:9:20", b""),
        ("INBOX:9:30", b"a: b\r\n\n"),
    ]


def test_a_message_that_the_server_can_t_give_is_named_and_the_others_are_read() -> None:
    sizes = b"".join(b"* %d FETCH (UID %d0 RFC822.SIZE 7)\r\n" % (n, n) for n in (1, 2, 3)) + b"TAG OK done\r\n"
    one, three = (b"* %d FETCH (UID %d0 BODY[]<0> {1}\r\n%d)\r\nTAG OK done\r\n" % (n, n, n) for n in (1, 3))
    broken = b"TAG NO [SERVERBUG] damaged \x1b[2J\r\n"
    with (
        scripted(*OPENED, sizes, broken, one, broken, three, b"* BYE\r\nTAG OK done\r\n") as url,
        opened(url) as source,
    ):
        assert [mail.data for mail in source.mails(lambda _key: False)] == [b"1", b"3"]
        (problem,) = source.unread
    assert str(problem).startswith("INBOX of ada at 127.0.0.1:20: the server does not give this message:")
    assert r"[SERVERBUG] damaged \x1b[2J" in str(problem)


def test_a_mailbox_that_may_only_be_read_is_not_moved_out_of() -> None:
    with scripted(*OPENED[:4], b"* 3 EXISTS\r\nTAG OK [READ-ONLY] open\r\n") as url:
        error = failure(url, after="move")
    assert isinstance(error, ConfigError)
    assert 'after = "leave"' in error.next_step


def test_a_server_that_lets_everybody_in_before_tls_hears_nothing() -> None:
    """RFC 9051, section 11.1: whoever sits in between may say so, to keep the connection in clear text."""
    capable = b"* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK done\r\n"
    with scripted(b"* PREAUTH come in\r\n", capable) as url:
        error = failure(url)
    assert isinstance(error, DeliveryError)
    assert "STARTTLS illegal in state AUTH" in error.message


@contextmanager
def hostile(answer: Callable[[socket.socket, bytes], None]) -> Iterator[tuple[str, list[int]]]:
    """Yield the address of a server that greets and answers by `answer`, without end; and how much it could say."""
    said = [0]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)

        def talk() -> None:
            connection, _ = listening.accept()

            class Counted:
                def sendall(self, octets: bytes) -> None:
                    connection.sendall(octets)
                    said[0] += len(octets)

            with suppress(OSError), connection:
                connection.settimeout(20)
                answer(Counted(), b"")  # type: ignore[arg-type]  # all that is used of a socket
                with connection.makefile("rb") as lines:
                    for line in lines:
                        answer(Counted(), line)  # type: ignore[arg-type]  # the same

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield f"imap://ada@127.0.0.1:{listening.getsockname()[1]}/", said
        finally:
            thread.join()


def _without_end(connection: socket.socket, begin: bytes, more: bytes) -> None:
    """As much as 500 MB of it, if anybody listens for so long."""
    connection.sendall(begin)
    block = more * (1_000_000 // len(more))
    for _ in range(500):
        connection.sendall(block)


def _reply(special: dict[bytes, Callable[[socket.socket, bytes], None]]) -> Callable[[socket.socket, bytes], None]:
    """Return a server that is as it should be, but for what it does at some commands."""

    def answer(connection: socket.socket, line: bytes) -> None:
        tag, _, rest = line.partition(b" ")
        name = rest.upper().replace(b"UID ", b"").split(b" ")[0].strip() or b"GREETING"
        if name in special:
            special[name](connection, tag)
        else:
            before = {b"GREETING": b"", b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
                      b"EXAMINE": b"* 3 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n",
                      b"SEARCH": b"* SEARCH 10 20 30\r\n",
                      b"FETCH": b"* 1 FETCH (UID 10 RFC822.SIZE 7)\r\n"}.get(name, b"")  # fmt: skip
            connection.sendall(before + (GREETING if name == b"GREETING" else tag + b" OK done\r\n"))

    return answer


@pytest.mark.parametrize(
    ("at", "begin", "more"),
    [
        (b"GREETING", b"", b"* OK hello\r\n"),
        (b"GREETING", b"* OK ", b"x"),
        (b"GREETING", b"* OK {999999999}\r\n", b"x"),
        (b"CAPABILITY", b"* CAPABILITY ", b"A=B "),
        pytest.param(b"EXAMINE", b"", b"* FLAGS (x)\r\n", marks=pytest.mark.slow),
        (b"SEARCH", b"* SEARCH ", b"1 "),
        (b"SEARCH", b"", b"* SEARCH 1 2 3 4 5 6 7 8\r\n"),
        (b"FETCH", b"", b"* 1 FETCH (UID 10 RFC822.SIZE 7)\r\n"),
        (b"FETCH", b"* 1 FETCH (UID 10 BODY[]<0> {2000000000}\r\n", b"x"),
    ],
    ids=lambda value: value.decode("ascii").strip()[:24] if isinstance(value, bytes) else None,
)
def test_a_server_without_end_is_left(monkeypatch: pytest.MonkeyPatch, at: bytes, begin: bytes, more: bytes) -> None:
    # The program's own limit is 16 MB, half a million short lines: the slow case reaches it.
    if at != b"EXAMINE":
        monkeypatch.setattr(imap_limits, "_ANSWER", 1_000_000)
    answer = _reply({at: lambda connection, _tag: _without_end(connection, begin, more)})
    with hostile(answer) as (url, said):
        error = failure(url)
    assert isinstance(error, DeliveryError)
    assert said[0] < 40_000_000, error.message  # what had left when the connection was closed


@pytest.mark.parametrize("number", [b"9" * 5000, b"99999999999999999999999", b"-1", b"1e3", b""])
@pytest.mark.parametrize("at", ["literal", "search", "validity", "size"])
def test_a_number_that_is_none_is_told(at: str, number: bytes) -> None:
    said = {
        "literal": (b"FETCH", b"* 1 FETCH (UID 10 BODY[]<0> {" + number + b"}\r\n"),
        "search": (b"SEARCH", b"* SEARCH " + number + b"\r\n"),
        "validity": (b"EXAMINE", b"* OK [UIDVALIDITY " + number + b"] ok\r\n"),
        "size": (b"FETCH", b"* 1 FETCH (UID 10 RFC822.SIZE " + number + b")\r\n"),
    }[at]
    answer = _reply({said[0]: lambda connection, tag: connection.sendall(said[1] + tag + b" OK done\r\n")})
    with hostile(answer) as (url, _):
        try:
            with opened(url, timeout=1) as source:
                assert list(source.mails(lambda _key: False)) == []
        except DeliveryError as error:
            assert error.next_step  # noqa: PT017  # either is fine; nothing else is


@pytest.mark.parametrize("at", [b"GREETING", b"SEARCH", b"FETCH"])
def test_a_server_that_says_an_octet_at_a_time_is_left(at: bytes) -> None:
    def drip(connection: socket.socket, _tag: bytes) -> None:
        for octet in b"* OK [" + b"x" * 400:
            connection.sendall(bytes([octet]))
            time.sleep(0.05)

    with hostile(_reply({at: drip})) as (url, said):
        error = failure(url, timeout=0.4)
    assert isinstance(error, DeliveryError)
    # On a busy machine the connection has been seen to be reset before the limit was reached.
    assert any(words in error.message for words in ("in time", "it takes too long", "was lost"))
    assert said[0] < 500  # it was not heard to its end


def test_a_handshake_an_octet_at_a_time_is_left() -> None:
    def drip(connection: socket.socket, line: bytes) -> None:
        for _ in range(400 if not line else 0):
            connection.sendall(b"\x16\x03\x03\x40\x00"[:1])
            time.sleep(0.05)

    with hostile(drip) as (url, said):
        assert isinstance(failure(url.replace("imap:", "imaps:"), timeout=0.4), DeliveryError)
    assert said[0] < 100


def test_a_reading_has_a_deadline_as_a_whole() -> None:
    """A mailbox of a hundred thousand messages, each of which takes its time."""
    uids = b"* SEARCH " + b" ".join(b"%d" % uid for uid in range(1, 100_001)) + b"\r\n"

    def slow(connection: socket.socket, tag: bytes) -> None:
        time.sleep(0.1)
        connection.sendall(tag + b" OK done\r\n")

    special = {b"SEARCH": lambda connection, tag: connection.sendall(uids + tag + b" OK done\r\n"), b"FETCH": slow}
    with hostile(_reply(special)) as (url, _):
        error = failure(url, deadline=0.8)
    assert isinstance(error, DeliveryError)
    assert "it takes too long" in error.message
    assert "goes on from there" in error.next_step


@pytest.mark.slow
def test_the_time_that_a_person_takes_is_not_the_server_s() -> None:
    """Bounces that are held back are asked about in the middle of a reading."""
    one = b"* 1 FETCH (UID 10 BODY[]<0> {1}\r\n1)\r\nTAG OK done\r\n"
    sizes = b"* 1 FETCH (UID 10 RFC822.SIZE 1)\r\nTAG OK done\r\n"
    with scripted(*OPENED, sizes, one, b"* BYE\r\nTAG OK done\r\n") as url, opened(url, timeout=0.9) as source:
        time.sleep(1)
        (mail,) = source.mails(lambda _key: False)
        time.sleep(1)
    assert mail.data == b"1"


def test_a_handshake_after_starttls_is_watched_as_well() -> None:
    def drip(connection: socket.socket, tag: bytes) -> None:
        connection.sendall(tag + b" OK begin\r\n")
        for _ in range(400):
            connection.sendall(b"\x16")
            time.sleep(0.05)

    capable = b"* CAPABILITY IMAP4rev1 STARTTLS\r\n"
    special = {b"CAPABILITY": lambda connection, tag: connection.sendall(capable + tag + b" OK done\r\n"),
               b"STARTTLS": drip}  # fmt: skip
    with hostile(_reply(special)) as (url, said):
        assert isinstance(failure(url, timeout=0.4), DeliveryError)
    assert said[0] < 300


@pytest.mark.parametrize("hook", ["_get_mailbox_client", "_create_socket"])
def test_limits_that_a_library_does_not_let_take_effect_are_refused(
    server: Dovecot, monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    """A later imap-tools or imaplib may have the private methods by other names, on which the limits rest."""
    owner = imap_limits.LimitedTlsBox if hook == "_get_mailbox_client" else imap_limits._Limited
    monkeypatch.delattr(owner, hook)
    assert "for ever" in str(failure(server.url()))
