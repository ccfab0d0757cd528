"""A receiver that throws mail away in less time than Postfix's smtp-sink, whose own processor time bounds what is sent.

    python benchmarks/fast_sink.py PORT

It offers PIPELINING, looks at nothing in a text but for its end, and answers what came in one read with one write.
"""

import os
import socket
import sys
from selectors import EVENT_READ, DefaultSelector

END = b"\r\n.\r\n"
GREETING = b"220 fast-sink\r\n"
REPLIES = {
    b"EHLO": b"250-fast-sink\r\n250-8BITMIME\r\n250 PIPELINING\r\n",
    b"DATA": b"354 End data with <CR><LF>.<CR><LF>\r\n",
    b"QUIT": b"221 Bye\r\n",
}
OK = b"250 2.0.0 Ok\r\n"
BUFFER = bytearray(1 << 18)  # one for all: no memory is asked for while it runs
WHOLE = memoryview(BUFFER)


class Connection:
    """One client: whether it is in the midst of a text, and the end of what it said."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.in_text = False
        self.rest = b""

    def receive(self) -> bool:
        """Read once and answer; return whether the connection goes on."""
        kept = len(self.rest)
        BUFFER[:kept] = self.rest
        try:
            # Not recv: /proc counts what read(2) was asked for, by which the benchmark knows how much has come.
            count = os.readv(self.client.fileno(), [WHOLE[kept:]])
        except ConnectionError:
            return False
        replies: list[bytes] = []
        goes_on = count > 0 and self.answer(kept + count, replies)
        if replies:
            try:
                self.client.sendall(b"".join(replies))
            except ConnectionError:
                return False
        return goes_on

    def answer(self, end: int, replies: list[bytes]) -> bool:
        """Answer what is in the buffer, as far as it is whole; return whether the connection goes on."""
        start = 0
        while True:
            if self.in_text:
                found = BUFFER.find(END, start, end)
                if found < 0:
                    self.rest = bytes(WHOLE[max(start, end - len(END) + 1) : end])
                    return True
                start = found + len(END)
                self.in_text = False
                replies.append(OK)
            found = BUFFER.find(b"\n", start, end)
            if found < 0:
                self.rest = bytes(WHOLE[start:end])
                return True
            command = bytes(WHOLE[start : start + 4]).upper()
            self.in_text = command == b"DATA"
            # The line's own end may be that of a text of nothing.
            start = found - 1 if self.in_text else found + 1
            replies.append(REPLIES.get(command, OK))
            if command == b"QUIT":
                return False


def main() -> None:
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256) as server, DefaultSelector() as selector:
        selector.register(server, EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    client, _ = server.accept()
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    client.sendall(GREETING)
                    selector.register(client, EVENT_READ, Connection(client))
                elif not key.data.receive():
                    selector.unregister(key.data.client)
                    key.data.client.close()


if __name__ == "__main__":
    main()
