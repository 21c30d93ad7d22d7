"""`access/organizations` and `access/keys`: one object each."""

import cloudflare

from .facts import ACCESS, BOTH, IN_ACCOUNT, SDK, check, check_raises, check_shows, plain

ORGANIZATIONS = SDK.zero_trust.organizations


def account_and_zone():
    for scope, within in BOTH:
        fact = f"organization ({scope})"
        before = plain(ORGANIZATIONS.list(**within))
        named = {"name": before["name"], "auth_domain": before["auth_domain"]}
        check(f"{fact}: it has a team domain", bool(before["auth_domain"]))
        created = ORGANIZATIONS.create(**within, **named, session_duration="12h")
        check_shows(f"{fact}: creating it sets it", created, {**named, "session_duration": "12h"})
        changed = {"session_duration": "8h", "warp_auth_session_duration": "6h", "is_ui_read_only": False}
        check_shows(fact, ORGANIZATIONS.update(**within, **changed), {**changed, **named})
        check_shows(f"{fact} read back", ORGANIZATIONS.list(**within), {**changed, **named})
        revoked = ORGANIZATIONS.revoke_users(**within, email="somebody@example.test")
        check(f"{fact}: there was nobody to revoke", revoked is False)
    check_raises(
        "an organization without a team domain is refused",
        cloudflare.BadRequestError,
        lambda: ORGANIZATIONS.create(**IN_ACCOUNT, name="x", auth_domain=""),
    )


def keys():
    before = ACCESS.keys.get(**IN_ACCOUNT)
    check("keys rotate by themselves", before.key_rotation_interval_days >= 21)
    check_shows("keys", ACCESS.keys.update(**IN_ACCOUNT, key_rotation_interval_days=30), {"key_rotation_interval_days": 30})
    check_shows("keys read back", ACCESS.keys.get(**IN_ACCOUNT), {"key_rotation_interval_days": 30})
    # Forced, as a rotation shortly after another would have to be.
    rotated = ACCESS.keys.rotate(**IN_ACCOUNT, extra_query={"force": "true"})
    check("a rotation has a moment", rotated.last_key_rotation_at is not None)
    check("the next is a month off", 29 <= rotated.days_until_next_rotation <= 30)
    check_raises(
        "an interval of a day is refused",
        cloudflare.BadRequestError,
        lambda: ACCESS.keys.update(**IN_ACCOUNT, key_rotation_interval_days=1),
    )
