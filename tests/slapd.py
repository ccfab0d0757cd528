"""Debian's slapd, a directory, with a configuration, entries and ports of its own for as long as a test needs it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificate import make_certificate
from ldap3 import MODIFY_REPLACE, Connection, Server
from ldap3.utils.dn import escape_rdn
from ports import free_port

SUFFIX = "dc=example,dc=org"
ROOT = f"cn=admin,{SUFFIX}"
READER = rf"cn=reader\, the program's,{SUFFIX}"
PASSWORD = 'se"cr\\et-of-the-directory'
MANY = 1203  # more than two pages
NOT_INSTALLED = "no slapd is installed (Debian: slapd)"
_MODULES = Path("/usr/lib/ldap")
_SCHEMA = Path("/etc/ldap/schema")


@dataclass(frozen=True)
class Directory:
    """A running directory. READER reads it all with PASSWORD; nobody reads ou=open, and at most 100 entries of it.

    `certificate` is what a client may name as SSL_CERT_FILE.
    """

    port: int
    tls_port: int
    certificate: Path
    process: "subprocess.Popen[bytes]"

    def url(self, below: str = f"ou=people,{SUFFIX}") -> str:
        return f"ldap://127.0.0.1:{self.port}/{below}"

    def put(self, name: str, **attributes: object) -> None:
        """Have a person of this cn with these attributes in ou=people, and no others."""
        self.drop(name)
        with self._as_root() as connection:
            values = {"cn": name, "sn": name, **attributes}
            assert connection.add(_place(name), ["inetOrgPerson"], values), connection.result

    def change(self, name: str, attribute: str, values: Sequence[object]) -> None:
        with self._as_root() as connection:
            changed = connection.modify(_place(name), {attribute: [(MODIFY_REPLACE, values)]})
            assert changed, connection.result

    def drop(self, name: str) -> None:
        with self._as_root() as connection:
            connection.delete(_place(name))

    def _as_root(self) -> Connection:
        return Connection(Server("127.0.0.1", self.port), ROOT, PASSWORD)  # a context logs in and out


def _place(name: str) -> str:
    return f"cn={escape_rdn(name)},ou=people,{SUFFIX}"


@contextmanager
def running_slapd() -> Iterator[Directory]:
    """Yield a directory for the time of the context, its data in a temporary folder that is gone afterwards."""
    program = shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        # .ci/run installs it; a newcomer's machine may lack it, and every other test still says what is right there.
        pytest.skip(NOT_INSTALLED)
    folder = Path(tempfile.mkdtemp(prefix="newsletter-slapd-"))
    try:
        make_certificate(folder)
        config = folder / "slapd.conf"
        config.write_text(_configuration(folder))
        (folder / "data").mkdir()
        subprocess.run(
            [program, "-T", "add", "-q", "-f", config], input=_entries(), text=True, check=True, capture_output=True
        )
        for _ in range(5):  # another process may take a free port before the server does
            port, tls_port = free_port(), free_port()
            listen = f"ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/"
            process = subprocess.Popen(
                [*_dies_with_us(), program, "-h", listen, "-f", config, "-d", "0"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            if _answers(process, port):
                break
        else:
            raise RuntimeError("slapd does not start")
        try:
            yield Directory(port, tls_port, folder / "server.pem", process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.01)
        else:
            return True
    return False


def _dies_with_us() -> list[str]:
    """On Linux the kernel stops the server when this process is killed."""
    return ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []


def _configuration(folder: Path) -> str:
    schemas = "".join(f"include {_SCHEMA}/{name}.schema\n" for name in ("core", "cosine", "inetorgperson"))
    return f"""{schemas}
modulepath {_MODULES}
moduleload back_mdb
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.pem
sizelimit unlimited
database mdb
suffix "{SUFFIX}"
directory {folder}/data
maxsize 67108864
dbnosync
rootdn "{ROOT}"
rootpw {_quote(PASSWORD)}
limits anonymous size=100
access to attrs=userPassword by anonymous auth
access to dn.subtree="ou=open,{SUFFIX}" by * read
access to * by dn.exact={_quote(READER)} read by * auth
"""


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _entries() -> str:
    people = (f"ou=many,{SUFFIX}", [f"member{number:04}" for number in range(MANY)])
    others = (f"ou=open,{SUFFIX}", [f"open{number:03}" for number in range(101)])
    few = (f"ou=people,{SUFFIX}", [f"reader{number:02}" for number in range(20)])
    written = [
        _entry(SUFFIX, ["domain"], dc="example"),
        _entry(
            READER,
            ["organizationalRole", "simpleSecurityObject"],
            cn="reader, the program's",
            userPassword=PASSWORD,
        ),
    ]
    for place, names in (people, others, few):
        written.append(_entry(place, ["organizationalUnit"], ou=place[3:].partition(",")[0]))
        written += [
            _entry(f"cn={name},{place}", ["inetOrgPerson"], cn=name, sn=name, mail=f"{name}@example.org")
            for name in names
        ]
    # A part of the directory that another server has.
    referral = f"ldap://192.0.2.1/ou=people,{SUFFIX}"
    written.append(_entry(f"cn=elsewhere,ou=people,{SUFFIX}", ["referral", "extensibleObject"], ref=referral))
    return "\n".join(written)


def _entry(name: str, classes: Sequence[str], **attributes: str) -> str:
    kinds = "".join(f"objectClass: {kind}\n" for kind in classes)
    return f"dn: {name}\n{kinds}" + "".join(f"{key}: {value}\n" for key, value in attributes.items())
