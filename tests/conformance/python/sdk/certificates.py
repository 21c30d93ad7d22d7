"""`access/certificates`: authorities, and settings by hostname."""

import cloudflare

from .authority import authority
from .facts import ACCESS, BOTH, check, check_gone, check_listed, check_raises, check_shows, unique, unique_host

CERTIFICATES = ACCESS.certificates


def account_and_zone():
    for scope, within in BOTH:
        fact, hosts = f"certificate ({scope})", [unique_host()]
        given = {"name": unique("certificate"), "associated_hostnames": hosts}
        made = CERTIFICATES.create(**within, certificate=authority(), **given)
        check_shows(fact, made, given)
        check(f"{fact}: it has a fingerprint and an end", bool(made.fingerprint) and made.expires_on is not None)
        check_shows(fact, CERTIFICATES.get(made.id, **within), {**given, "fingerprint": made.fingerprint})
        check_listed(fact, lambda **of: CERTIFICATES.list(**within, **of), made.id)
        check_raises(
            f"{fact}: with hostnames it is not deleted",
            cloudflare.ConflictError,
            lambda: CERTIFICATES.delete(made.id, **within),
        )
        changed = {"name": given["name"] + " 2", "associated_hostnames": []}
        check_shows(fact, CERTIFICATES.update(made.id, **within, **changed), changed)
        check_shows(fact, CERTIFICATES.get(made.id, **within), changed)
        check_shows(fact, CERTIFICATES.delete(made.id, **within), {"id": made.id})
        check_gone(
            fact,
            {
                "get": lambda: CERTIFICATES.get(made.id, **within),
                "update": lambda: CERTIFICATES.update(made.id, **within, **changed),
                "delete": lambda: CERTIFICATES.delete(made.id, **within),
            },
        )
        settings(fact, within, hosts[0])


def settings(fact, within, host):
    wanted = [{"hostname": host, "china_network": False, "client_certificate_forwarding": True}]
    set_ = [it.to_dict() for it in CERTIFICATES.settings.update(**within, settings=wanted)]
    check(f"{fact}: settings are set (got {set_})", wanted[0] in set_)
    shown = [it.to_dict() for it in CERTIFICATES.settings.get(**within)]
    check(f"{fact}: settings are read back", wanted[0] in shown)
