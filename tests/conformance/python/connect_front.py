"""A CONNECT proxy that is itself whatever host it is asked for, by TLS, in front of SALLYPORT_GATEWAY.

For clients that choose the address themselves: name resolution and certificates are what is stood in for, and every byte
between is passed on as it is. Environment: SALLYPORT_HOSTS, separated by commas, the only ones that it is; SALLYPORT_CERTIFICATE,
where its certificate is written, to be trusted. Prints its port on 127.0.0.1, and runs until its standard input ends.
"""

import os
import socket
import ssl
import sys
import tempfile
import threading
from urllib.parse import urlsplit

from sdk.authority import server_certificate
from tls_front import pump


def main():
    gateway = urlsplit(os.environ["SALLYPORT_GATEWAY"])
    hosts = os.environ["SALLYPORT_HOSTS"].split(",")
    pem = server_certificate(hosts)
    with open(os.environ["SALLYPORT_CERTIFICATE"], "w") as file:
        file.write(pem[pem.index("-----BEGIN CERTIFICATE") :])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    serving = (listener, context, hosts, (gateway.hostname, gateway.port))
    threading.Thread(target=accept, args=serving, daemon=True).start()
    sys.stdin.read()


def accept(listener, *serving):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, *serving), daemon=True).start()


def serve(client, context, hosts, gateway):
    try:
        if wanted(client) not in hosts:
            client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        front, back = context.wrap_socket(client, server_side=True), socket.create_connection(gateway)
    except OSError:
        return
    threading.Thread(target=pump, args=(front, back), daemon=True).start()
    pump(back, front)


def wanted(client):
    """Byte by byte: what follows the head is TLS."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < 8192:
        head += client.recv(1) or b"\r\n\r\n"
    parts = head.decode("latin-1").split(" ")
    return parts[1].rpartition(":")[0] if len(parts) > 1 and parts[0] == "CONNECT" else None


if __name__ == "__main__":
    main()
