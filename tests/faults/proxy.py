"""A TCP proxy that a test puts between two processes, to delay, swallow or cut what passes."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

CHUNK = 65536


class Proxy:
    """Listens on a port of 127.0.0.1 and passes bytes on to `target`, a host and port or the path of a socket.

    While `away` every connection ends at once, as if nobody were there.
    `delay` seconds are added to every piece from the client; with `silent` nothing passes in either direction.
    `cut_when` sees every piece from the client: when it says yes, the piece is passed on, and the connection is
    cut before any answer comes back.
    """

    def __init__(self, target: tuple[str, int] | str) -> None:
        self.target = target
        self.delay = 0.0
        self.silent = False
        self.away = False
        self.cut_when: Callable[[bytes], bool] = lambda _piece: False
        self.cuts = 0
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.close()
        self.drop()

    def drop(self) -> None:
        """Cut every connection."""
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.away:
                    client.close()
                    continue
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        family = socket.AF_UNIX if isinstance(self.target, str) else socket.AF_INET
        with client, socket.socket(family) as server:
            with suppress(OSError):
                server.connect(self.target)
                self._open |= {client, server}
                back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
                back.start()
                self._pass(client, server, asked=True)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._open -= {client, server}

    def _pass(self, source: socket.socket, sink: socket.socket, *, asked: bool = False) -> None:
        with suppress(OSError):
            while piece := source.recv(CHUNK):
                while self.silent:
                    time.sleep(0.05)
                if asked and self.delay:
                    time.sleep(self.delay)
                cut = asked and self.cut_when(piece)
                if cut:
                    self.cuts += 1
                    self._swallow(source, sink)
                sink.sendall(piece)
                if cut:
                    time.sleep(0.3)  # the server acts on it, and nobody hears
                    return

    @staticmethod
    def _swallow(client: socket.socket, _server: socket.socket) -> None:
        """Nothing more reaches the client; what it sent still reaches the server."""
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
