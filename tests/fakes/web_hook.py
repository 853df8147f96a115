"""A web server that takes pages, or does what a script says instead, request by request."""

from __future__ import annotations

import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import NamedTuple


class Posted(NamedTuple):
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


class WebHook:
    """Answers 204 on loopback once `script` is used up; over TLS with `certificate` and its key.

    A step of the script is a status, or "hang", "close" (no answer), "cut" (half of a body).
    """

    def __init__(
        self, script: list[int | str], certificate: tuple[Path, Path] | None = None
    ) -> None:
        self.posted: SimpleQueue[Posted] = SimpleQueue()
        self.lines: list[bytes] = []  # of what was answered with success
        self._script = script
        self._ended = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._server.daemon_threads = False  # close() waits for them
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, args=[0.01])
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.posted.put(Posted(handler.path, dict(handler.headers), body))
        match self._script.pop(0) if self._script else 204:
            case "hang":
                self._ended.wait()
            case "close":
                pass
            case "cut":
                handler.send_response(200)
                handler.send_header("Content-Length", "100")
                handler.end_headers()
                handler.wfile.write(b"half")
            case int(status):
                if status in {200, 204}:
                    self.lines += body.splitlines()
                handler.send_response(status)
                handler.send_header("Content-Length", "0")
                handler.send_header("Location", "https://elsewhere.example/")
                handler.end_headers()

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook._take(self)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
