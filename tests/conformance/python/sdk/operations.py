"""What the SDK offers for service authentication, and what of it was called: per account and, where both exist, per zone."""

import functools
import inspect

from cloudflare._resource import SyncAPIResource

# No counterpart here; the answer says so. Below `people`: lists that are empty, and nothing else.
UNSERVED = (
    "access.ai_controls.",
    "access.applications.cas.",
    "access.gateway_ca.",
    "access.idp_federation_grants.",
    "access.infrastructure.",
    "access.logs.scim.",
    "access.saml_certificates.",
    "organizations.doh.",
    "alerting.destinations.pagerduty.",
    "alerting.silences.",
)
PEOPLE = ("access.bookmarks.", "access.custom_pages.", "access.users.", "identity_providers.")

called = set()
offered = {}


def watch(sdk):
    """Counts every call from here on."""
    nouns = {
        "access": sdk.zero_trust.access,
        "organizations": sdk.zero_trust.organizations,
        "identity_providers": sdk.zero_trust.identity_providers,
        "alerting": sdk.alerting,
        "tokens": sdk.accounts.tokens,
        "audit_logs": sdk.audit_logs,
    }
    for name, resource in nouns.items():
        _watch(name, resource)


def _watch(path, resource):
    kind = type(resource)
    for name in [name for name in dir(kind) if not name.startswith(("_", "with_"))]:
        member = inspect.getattr_static(kind, name)
        if inspect.isfunction(member):
            operation = f"{path}.{name}"
            scopes = [scope for scope in ("account", "zone") if f"{scope}_id" in inspect.signature(member).parameters]
            for scope in scopes:
                offered[f"{operation} ({scope})"] = (resource, name)
            setattr(kind, name, _counted(member, operation))
        elif isinstance(getattr(resource, name), SyncAPIResource):
            _watch(f"{path}.{name}", getattr(resource, name))


def _counted(function, operation):
    @functools.wraps(function)
    def counted(*args, **kwargs):
        called.add(f"{operation} ({'zone' if kwargs.get('zone_id') else 'account'})")
        return function(*args, **kwargs)

    return counted


def is_refused(operation):
    if operation.startswith(PEOPLE):
        return operation.split(" ")[0] not in {prefix + "list" for prefix in PEOPLE}
    return operation.startswith(UNSERVED)


def refused():
    """Each that is not served, with its resource and the method's name."""
    return {name: where for name, where in offered.items() if is_refused(name)}


def missed():
    return sorted(set(offered) - called)


def counts():
    served = [name for name in called if name in offered and not is_refused(name)]
    return len(served), len(called & set(offered)) - len(served)
