"""`access/apps`, what is below one, and the policies that are its own."""

import cloudflare

from .facts import ACCESS, BOTH, IN_ACCOUNT, check, check_gone, check_listed, check_raises, check_shows, plain
from .facts import unique, unique_host

APPS = ACCESS.applications
ANY = {"name": "any token", "decision": "non_identity", "include": [{"any_valid_service_token": {}}]}


def account_and_zone():
    for scope, within in BOTH:
        fact, domain = f"application ({scope})", unique_host()
        given = {
            "type": "self_hosted",
            "name": unique("application"),
            "domain": domain,
            "session_duration": "2h",
            "service_auth_401_redirect": True,
            "http_only_cookie_attribute": False,
            "same_site_cookie_attribute": "lax",
            "path_cookie_attribute": True,
            "app_launcher_visible": False,
            "read_service_tokens_from_header": "Authorization",
            "cors_headers": {"allowed_origins": ["https://a.example.test"], "max_age": 60},
            "destinations": [{"type": "public", "uri": domain}, {"type": "public", "uri": domain + "/below"}],
        }
        app = APPS.create(**within, **given, policies=[ANY])
        check_shows(fact, app, given)
        check(f"{fact}: its audience tag has 64 hex digits", len(app.aud) == 64)
        check_shows(f"{fact} read back", APPS.get(app.id, **within), {**given, "aud": app.aud})
        check_listed(fact, lambda **of: APPS.list(**within, **of), app.id)
        for field, value in {"aud": app.aud, "domain": domain, "name": given["name"]}.items():
            found = [it.id for it in APPS.list(**within, **{field: value})]
            check(f"{fact}: it is found by {field}", found == [app.id])
        read_again = plain(APPS.get(app.id, **within))
        update(fact, within, app, given)
        settings(fact, within, app)
        check_user_policies(fact, within, app)
        check(f"{fact}: revoking its sessions answers with an object", APPS.revoke_tokens(app.id, **within) is not None)
        APPS.update(app.id, **within, **given)
        again = plain(APPS.get(app.id, **within))
        for changing in ("updated_at",):
            again.pop(changing), read_again.pop(changing)
        check(f"{fact}: the first body again makes the first application again", again == read_again)
        check_shows(fact, APPS.delete(app.id, **within), {"id": app.id})
        check_gone(
            fact,
            {
                "get": lambda: APPS.get(app.id, **within),
                "update": lambda: APPS.update(app.id, **within, type="self_hosted", domain=domain),
                "delete": lambda: APPS.delete(app.id, **within),
                "revoke_tokens": lambda: APPS.revoke_tokens(app.id, **within),
            },
        )
    check_raises(
        "a type that is not served is refused",
        cloudflare.BadRequestError,
        lambda: APPS.create(**IN_ACCOUNT, type="bookmark", domain=unique_host()),
    )


def update(fact, within, app, given):
    few = {"type": "self_hosted", "domain": given["domain"], "name": "only these"}
    changed = APPS.update(app.id, **within, **few)
    check_shows(f"{fact}: what an update leaves out is reset", changed, {**few, "session_duration": "24h"})
    check(f"{fact}: its policies stay", [it.name for it in changed.policies] == [ANY["name"]])


def settings(fact, within, app):
    wanted = {"allow_iframe": True, "skip_interstitial": True}
    check_shows(f"{fact}: settings", APPS.settings.update(app.id, **within, **wanted), wanted)
    edited = APPS.settings.edit(app.id, **within, allow_iframe=False)
    check_shows(f"{fact}: one setting", edited, {"allow_iframe": False, "skip_interstitial": True})
    check_shows(f"{fact}: the application shows them", APPS.get(app.id, **within), {"skip_interstitial": True})


def check_user_policies(fact, within, app):
    token = ACCESS.service_tokens.create(**IN_ACCOUNT, name=unique("token"))
    asked = {"service_token_id": token.id}
    judged = APPS.user_policy_checks.list(app.id, **within, extra_query=asked)
    check(f"{fact}: a token would be admitted", judged.app_state.status == "Success")
    ACCESS.service_tokens.update(token.id, **IN_ACCOUNT, enabled=False)
    judged = APPS.user_policy_checks.list(app.id, **within, extra_query=asked)
    check(f"{fact}: a disabled one would not", judged.app_state.status == "Failed")
    ACCESS.service_tokens.delete(token.id, **IN_ACCOUNT)


def own_policies():
    for scope, within in BOTH:
        app = APPS.create(**within, type="self_hosted", domain=unique_host())
        fact, of, policies = f"own policy ({scope})", {**within, "app_id": app.id}, APPS.policies
        first = policies.create(app.id, **within, extra_body={**ANY, "precedence": 1})
        second = policies.create(app.id, **within, extra_body={**ANY, "name": "second", "precedence": 2})
        check_shows(fact, first, {**ANY, "precedence": 1, "reusable": False})
        check_shows(fact, policies.get(first.id, **of), {**ANY, "precedence": 1})
        check_listed(fact, lambda **page: policies.list(app.id, **within, extra_query=page), first.id)
        changed = {"name": "none", "decision": "deny", "include": [{"everyone": {}}], "precedence": 3}
        check_shows(fact, policies.update(first.id, **of, extra_body=changed), changed)
        shown = [(it.name, it.precedence) for it in APPS.get(app.id, **within).policies]
        check(f"{fact}: the order is that of the precedence (got {shown})", shown == [("second", 2), ("none", 3)])
        check_shows(fact, policies.delete(first.id, **of), {"id": first.id})
        check_gone(
            fact,
            {
                "get": lambda: policies.get(first.id, **of),
                "update": lambda: policies.update(first.id, **of, extra_body=changed),
                "delete": lambda: policies.delete(first.id, **of),
            },
        )
        check(f"{fact}: the other one stays", [it.id for it in policies.list(app.id, **within)] == [second.id])
        APPS.delete(app.id, **within)
