"""`tokens`: API tokens of the account; and `audit_logs`, where they are found again."""

import datetime

import cloudflare

from .facts import ACCOUNT, IN_ACCOUNT, SDK, check, check_gone, check_listed, check_raises, client, plain, unique

TOKENS = SDK.accounts.tokens


def account():
    groups = [it for it in TOKENS.permission_groups.list(**IN_ACCOUNT)]
    wanted = next(it for it in groups if it.name == "Access: Service Tokens Read")
    found = TOKENS.permission_groups.get(**IN_ACCOUNT, name=wanted.name)
    check("a permission group is found by its name", [it.id for it in found] == [wanted.id])
    name = unique("api token")
    policy = {
        "effect": "allow",
        "permission_groups": [{"id": wanted.id}],
        "resources": {f"com.cloudflare.api.account.{ACCOUNT}": "*"},
    }
    made = TOKENS.create(**IN_ACCOUNT, name=name, policies=[policy])
    check("an API token is shown when it is made", made.value.startswith("spat_"))
    own = client(made.value)
    check("it verifies itself", own.accounts.tokens.verify(**IN_ACCOUNT).status == "active")
    check("it reads what it may read", list(own.zero_trust.access.service_tokens.list(**IN_ACCOUNT, per_page=1)) != [])
    check_raises(
        "it does nothing else",
        cloudflare.PermissionDeniedError,
        lambda: own.zero_trust.access.service_tokens.create(**IN_ACCOUNT, name="x"),
    )
    shown = TOKENS.get(made.id, **IN_ACCOUNT)
    check("an API token is read back", (shown.name, shown.status) == (name, "active") and "value" not in plain(shown))
    check_listed("api token", lambda **of: TOKENS.list(**IN_ACCOUNT, **of), made.id)
    rolled = TOKENS.value.update(made.id, **IN_ACCOUNT)
    check("a rolled API token is another one", rolled != made.value)
    check_raises("the one before is 401", cloudflare.AuthenticationError, lambda: own.accounts.tokens.verify(**IN_ACCOUNT))
    changed = TOKENS.update(made.id, **IN_ACCOUNT, name=name + " 2", policies=[policy], status="disabled")
    check("an API token is disabled", (changed.name, changed.status) == (name + " 2", "disabled"))
    check_raises(
        "a disabled one is 401", cloudflare.AuthenticationError, lambda: client(rolled).accounts.tokens.verify(**IN_ACCOUNT)
    )
    TOKENS.delete(made.id, **IN_ACCOUNT)
    check_gone(
        "api token",
        {
            "get": lambda: TOKENS.get(made.id, **IN_ACCOUNT),
            "update": lambda: TOKENS.update(made.id, **IN_ACCOUNT, name="x", policies=[policy]),
            "roll": lambda: TOKENS.value.update(made.id, **IN_ACCOUNT),
            "delete": lambda: TOKENS.delete(made.id, **IN_ACCOUNT),
        },
    )
    audited(made.id)


def audited(token_id):
    """The iterator must come to an end here too."""
    # Up to now, so that what others do meanwhile moves no page.
    entries = list(SDK.audit_logs.list(**IN_ACCOUNT, per_page=5, before=datetime.datetime.now(datetime.timezone.utc)))
    ids = [entry.id for entry in entries]
    check("the audit log ends and repeats nothing", len(ids) == len(set(ids)) and len(ids) > 5)
    kinds = {entry.action.type for entry in entries if entry.resource.id == token_id}
    check(f"it holds the life of the API token (got {kinds})", len(kinds) >= 3)
