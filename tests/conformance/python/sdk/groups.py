"""`access/groups`: every kind of rule that there is comes back as it was sent."""

import cloudflare

from .facts import ACCESS, BOTH, NOBODY, IN_ACCOUNT, check_gone, check_listed, check_raises, check_shows, unique

GROUPS = ACCESS.groups


def account_and_zone():
    token = ACCESS.service_tokens.create(**IN_ACCOUNT, name=unique("token"))
    for scope, within in BOTH:
        fact = f"group ({scope})"
        given = {
            "name": unique("group"),
            "include": [
                {"service_token": {"token_id": token.id}},
                {"any_valid_service_token": {}},
                {"everyone": {}},
                {"ip": {"ip": "192.0.2.1"}},
                {"ip": {"ip": "2001:db8::/32"}},
                {"geo": {"country_code": "PT"}},
                {"certificate": {}},
                {"common_name": {"common_name": "robot.example.test"}},
            ],
            "require": [{"ip": {"ip": "192.0.2.0/24"}}],
            "exclude": [{"geo": {"country_code": "KP"}}],
        }
        group = GROUPS.create(**within, **given)
        check_shows(fact, group, given)
        check_shows(fact, GROUPS.get(group.id, **within), given)
        check_listed(fact, lambda **of: GROUPS.list(**within, **of), group.id)
        changed = {"name": given["name"] + " 2", "include": [{"everyone": {}}], "require": [], "exclude": []}
        check_shows(fact, GROUPS.update(group.id, **within, **changed), changed)
        check_shows(fact, GROUPS.get(group.id, **within), changed)
        nested = GROUPS.create(**within, name=unique("outer"), include=[{"group": {"id": group.id}}])
        check_raises(
            f"{fact}: one that another names is not deleted",
            cloudflare.ConflictError,
            lambda: GROUPS.delete(group.id, **within),
        )
        GROUPS.delete(nested.id, **within)
        check_shows(fact, GROUPS.delete(group.id, **within), {"id": group.id})
        check_gone(
            fact,
            {
                "get": lambda: GROUPS.get(group.id, **within),
                "update": lambda: GROUPS.update(group.id, **within, **changed),
                "delete": lambda: GROUPS.delete(group.id, **within),
            },
        )
    ACCESS.service_tokens.delete(token.id, **IN_ACCOUNT)
    check_raises(
        "a group that names a token that does not exist is refused",
        cloudflare.BadRequestError,
        lambda: GROUPS.create(**IN_ACCOUNT, name="x", include=[{"service_token": {"token_id": NOBODY}}]),
    )
