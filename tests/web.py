#!/usr/bin/env python3
"""A webhook for the tests of telling: HTTPS on 127.0.0.1.

    web.py DIR PORT      0: any port; DIR/port has it once the server listens

DIR/server.pem holds certificate and key. Every body is a line of DIR/got, with
the path before it. DIR/answer, if it is there, holds the statuses of the next
answers, one a line; without it: 200. A path that ends in /slow is never answered.
"""
import http.server
import os
import ssl
import sys
import threading
import time

folder, port = sys.argv[1], int(sys.argv[2])
lock = threading.Lock()


def next_status():
    path = os.path.join(folder, "answer")
    with lock:
        try:
            with open(path) as f:
                lines = f.read().split()
        except FileNotFoundError:
            return 200
        if not lines:
            return 200
        with open(path, "w") as f:
            f.write("\n".join(lines[1:]))
    return int(lines[0])


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/slow"):
            time.sleep(60)
            return
        status = next_status()
        with lock, open(os.path.join(folder, "got"), "ab") as f:
            f.write(b"%d %s %s\n" % (status, self.path.encode(), body))
        self.send_response(status)
        if status in (301, 302, 307):
            self.send_header("Location", "https://127.0.0.1:1/elsewhere")
        said = b"\033[2Jno such hook https://127.0.0.1/T0/canary"
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", port), Hook)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(folder, "server.pem"))
server.socket = context.wrap_socket(server.socket, server_side=True,
                                    do_handshake_on_connect=False)
with open(os.path.join(folder, "port.new"), "w") as f:
    f.write(str(server.server_address[1]))
os.rename(os.path.join(folder, "port.new"), os.path.join(folder, "port"))
server.serve_forever()
