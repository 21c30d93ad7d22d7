"""`alerting/v3`: who is told that a token expires, and by what."""

import http.server
import json
import threading
import time

import cloudflare

from .facts import ACCESS, IN_ACCOUNT, SDK, check, check_gone, check_raises, check_shows, plain, unique

POLICIES = SDK.alerting.policies
WEBHOOKS = SDK.alerting.destinations.webhooks
KIND = "expiring_service_token_alert"


class Listener(http.server.ThreadingHTTPServer):
    """A webhook's other end on a free port of this machine."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.bodies = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.bodies.append((dict(self.headers), json.loads(body)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def policies_and_webhooks():
    alerts = SDK.alerting.available_alerts.list(**IN_ACCOUNT)
    check("the alert is available", KIND in [it.type for kinds in alerts.values() for it in kinds])
    kinds = SDK.alerting.destinations.eligible.get(**IN_ACCOUNT)
    check("webhooks are eligible", any(it.type == "webhook" and it.ready for it in sum(kinds.values(), [])))
    with Listener() as listener:
        hook = webhook(listener)
        policy(hook)
        WEBHOOKS.delete(hook, **IN_ACCOUNT)
    check_gone(
        "webhook",
        {
            "get": lambda: WEBHOOKS.get(hook, **IN_ACCOUNT),
            "update": lambda: WEBHOOKS.update(hook, **IN_ACCOUNT, name="x", url=listener.url()),
            "delete": lambda: WEBHOOKS.delete(hook, **IN_ACCOUNT),
        },
    )


def webhook(listener):
    given = {"name": unique("webhook"), "url": listener.url()}
    hook = WEBHOOKS.create(**IN_ACCOUNT, **given, secret="a shared secret").id
    check("a test message is sent at once", len(listener.bodies) == 1)
    shown = WEBHOOKS.get(hook, **IN_ACCOUNT)
    check_shows("webhook", shown, {**given, "type": "generic"})
    check("its secret is never shown", "secret" not in plain(shown))
    check("the list holds it once", [it.id for it in WEBHOOKS.list(**IN_ACCOUNT)].count(hook) == 1)
    changed = {"name": given["name"] + " 2", "url": listener.url() + "/2"}
    check("an update answers with the id", WEBHOOKS.update(hook, **IN_ACCOUNT, **changed).id == hook)
    check_shows("webhook", WEBHOOKS.get(hook, **IN_ACCOUNT), changed)
    return hook


def policy(hook):
    given = {
        "name": unique("alert"),
        "description": "who is told",
        "alert_type": KIND,
        "enabled": True,
        "mechanisms": {"email": [{"id": "robots@example.test"}], "webhooks": [{"id": hook}]},
    }
    made = POLICIES.create(**IN_ACCOUNT, **given).id
    check_shows("alert policy", POLICIES.get(made, **IN_ACCOUNT), given)
    check("the list holds it once", [it.id for it in POLICIES.list(**IN_ACCOUNT)].count(made) == 1)
    check_raises(
        "a webhook in use is not deleted", cloudflare.ConflictError, lambda: WEBHOOKS.delete(hook, **IN_ACCOUNT)
    )
    changed = {"name": given["name"] + " 2", "enabled": False, "mechanisms": {"email": [{"id": "x@example.test"}]}}
    check("an update answers with the id", POLICIES.update(made, **IN_ACCOUNT, **changed).id == made)
    check_shows("alert policy", POLICIES.get(made, **IN_ACCOUNT), {**changed, "description": given["description"]})
    check("a deletion succeeds", POLICIES.delete(made, **IN_ACCOUNT).success is True)
    check_gone(
        "alert policy",
        {
            "get": lambda: POLICIES.get(made, **IN_ACCOUNT),
            "update": lambda: POLICIES.update(made, **IN_ACCOUNT, **changed),
            "delete": lambda: POLICIES.delete(made, **IN_ACCOUNT),
        },
    )


def history():
    """A token that ends soon is told of, and what was told is remembered."""
    token = ACCESS.service_tokens.create(**IN_ACCOUNT, name=unique("expiring"), duration="100h")
    with Listener() as listener:
        hook = WEBHOOKS.create(**IN_ACCOUNT, name=unique("webhook"), url=listener.url(), secret="a shared secret").id
        mechanisms = {"webhooks": [{"id": hook}]}
        made = POLICIES.create(
            **IN_ACCOUNT,
            name=unique("alert"),
            alert_type=KIND,
            enabled=True,
            mechanisms=mechanisms,
            filters={"token_id": [token.id]},
        ).id
        told = until(lambda: [it for it in SDK.alerting.history.list(**IN_ACCOUNT, per_page=2) if it.policy_id == made])
        check("the history names the webhook", [(it.mechanism_type, it.alert_type) for it in told] == [("webhook", KIND)])
        headers, body = listener.bodies[-1]
        check("the webhook was sent its secret", headers.get("cf-webhook-auth") == "a shared secret")
        check("the message names the kind of alert", body["alert_type"] == KIND)
        POLICIES.delete(made, **IN_ACCOUNT)
        WEBHOOKS.delete(hook, **IN_ACCOUNT)
    ACCESS.service_tokens.delete(token.id, **IN_ACCOUNT)


def until(look, seconds=30):
    """What is told comes in its own time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    return []
