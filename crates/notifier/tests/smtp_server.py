"""A mail server for tests: real SMTP on a free loopback port, until standard input ends.

    smtp_server.py '{"answers": ["ok", "451", "drop"], "certificate": PATH, "key": PATH, "user": U, "password": P}'

Prints {"port": N}, then one JSON line per message whose content arrived. `answers` are given to messages in turn, the
last one for ever: "ok", a reply code, "drop" (takes the content, then hangs up before it says so) or "silence" (never
says anything). With a certificate, STARTTLS and authentication are required.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

options = json.loads(sys.argv[1])
answers = list(options.get("answers", ["ok"]))


class Handler:
    async def handle_DATA(self, server, session, envelope):
        message = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": envelope.content.decode("utf-8"),
            "encrypted": session.ssl is not None,
        }
        print(json.dumps(message), flush=True)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == "silence":
            await asyncio.Event().wait()
        if answer == "drop":
            server.transport.abort()
        return "250 OK" if answer in ("ok", "drop") else f"{answer} not now"


def authenticate(server, session, envelope, mechanism, data):
    given = (data.login.decode(), data.password.decode())
    # handled: the server is to say no by itself.
    return AuthResult(success=given == (options["user"], options["password"]), handled=False)


def connection():
    if "certificate" not in options:
        return SMTP(Handler())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options["certificate"], options["key"])
    return SMTP(
        Handler(),
        tls_context=context,
        require_starttls=True,
        authenticator=authenticate,
        auth_required=True,
    )


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
