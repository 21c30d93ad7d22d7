"""`access/service_tokens`. The whole life in detail is in token_life.py; here it is every operation, in both scopes."""

import cloudflare

from .facts import ACCESS, BOTH, IN_ACCOUNT, check, check_gone, check_listed, check_raises, check_shows, plain, unique

TOKENS = ACCESS.service_tokens


def account_and_zone():
    for scope, within in BOTH:
        given = {"name": unique("token"), "duration": "720h"}
        token = TOKENS.create(**within, **given)
        fact = f"service token ({scope})"
        check_shows(fact, token, given)
        check_shows(fact, TOKENS.get(token.id, **within), {**given, "client_id": token.client_id, "enabled": True})
        check_listed(fact, lambda **of: TOKENS.list(**within, **of), token.id)
        changed = {"name": given["name"] + " 2", "enabled": False}
        check_shows(fact, TOKENS.update(token.id, **within, **changed), changed)
        check_shows(fact, TOKENS.get(token.id, **within), {**changed, "duration": "720h"})
        before = TOKENS.get(token.id, **within)
        refreshed = TOKENS.refresh(token.id, **IN_ACCOUNT)
        month_later = refreshed.expires_at - before.expires_at
        check(f"{fact}: a refresh prolongs it to a year", month_later.days in (334, 335, 336))
        rotated = TOKENS.rotate(token.id, **IN_ACCOUNT)
        check(f"{fact}: a rotation shows a new secret", rotated.client_secret not in (None, token.client_secret))
        check(f"{fact}: no other answer shows one", "client_secret" not in plain(TOKENS.get(token.id, **within)))
        check(f"{fact}: a deletion answers with it", TOKENS.delete(token.id, **within).id == token.id)
        check_gone(
            fact,
            {
                "get": lambda: TOKENS.get(token.id, **within),
                "update": lambda: TOKENS.update(token.id, **within, name="x"),
                "refresh": lambda: TOKENS.refresh(token.id, **IN_ACCOUNT),
                "rotate": lambda: TOKENS.rotate(token.id, **IN_ACCOUNT),
                "delete": lambda: TOKENS.delete(token.id, **within),
            },
        )
    error = check_raises(
        "a token without a name is refused", cloudflare.BadRequestError, lambda: TOKENS.create(**IN_ACCOUNT, name="")
    )
    check("the refusal points at the name", error.get("source", {}).get("pointer") == "/name")
