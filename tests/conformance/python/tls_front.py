"""TLS in front of SALLYPORT_GATEWAY, for clients that speak nothing else: bytes are passed on as they are.

Prints its port on 127.0.0.1, and runs until its standard input ends. The certificate is its own.
"""

import os
import ssl
import sys
import tempfile
import threading
import socket
from urllib.parse import urlsplit

from sdk.authority import server_certificate


def main():
    gateway = urlsplit(os.environ["SALLYPORT_GATEWAY"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(server_certificate())
        file.flush()
        context.load_cert_chain(file.name)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=accept, args=(listener, context, (gateway.hostname, gateway.port)), daemon=True).start()
    sys.stdin.read()


def accept(listener, context, gateway):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, context, gateway), daemon=True).start()


def serve(client, context, gateway):
    try:
        front, back = context.wrap_socket(client, server_side=True), socket.create_connection(gateway)
    except OSError:
        return
    threading.Thread(target=pump, args=(front, back), daemon=True).start()
    pump(back, front)


def pump(source, target):
    try:
        while data := source.recv(16384):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


if __name__ == "__main__":
    main()
