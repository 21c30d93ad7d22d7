"""`access/policies`: reusable policies."""

import cloudflare

from .facts import ACCESS, IN_ACCOUNT, check, check_gone, check_listed, check_raises, check_shows, unique, unique_host

POLICIES = ACCESS.policies


def reusable():
    given = {
        "name": unique("policy"),
        "decision": "non_identity",
        "include": [{"any_valid_service_token": {}}],
        "require": [{"ip": {"ip": "127.0.0.0/8"}}],
        "exclude": [{"geo": {"country_code": "KP"}}],
        "session_duration": "2h",
        "approval_required": False,
        "purpose_justification_required": True,
        "purpose_justification_prompt": "why?",
    }
    policy = POLICIES.create(**IN_ACCOUNT, **given)
    check_shows("policy", policy, {**given, "reusable": True, "app_count": 0})
    check_shows("policy", POLICIES.get(policy.id, **IN_ACCOUNT), given)
    check_listed("policy", lambda **of: POLICIES.list(**IN_ACCOUNT, **of), policy.id)
    for decision in ("allow", "deny", "bypass", "non_identity"):
        changed = {"name": given["name"] + decision, "decision": decision, "include": [{"ip": {"ip": "10.0.0.0/8"}}]}
        check_shows(f"policy ({decision})", POLICIES.update(policy.id, **IN_ACCOUNT, **changed), changed)
        check_shows(f"policy ({decision})", POLICIES.get(policy.id, **IN_ACCOUNT), {**changed, "require": []})
    app = ACCESS.applications.create(
        **IN_ACCOUNT, type="self_hosted", domain=unique_host(), policies=[{"id": policy.id, "precedence": 1}]
    )
    check("the application shows the whole policy", app.policies[0].name == given["name"] + "non_identity")
    check_shows("policy in use", POLICIES.get(policy.id, **IN_ACCOUNT), {"app_count": 1})
    check_raises(
        "a policy in use is not deleted", cloudflare.ConflictError, lambda: POLICIES.delete(policy.id, **IN_ACCOUNT)
    )
    ACCESS.applications.delete(app.id, **IN_ACCOUNT)
    check_shows("policy", POLICIES.delete(policy.id, **IN_ACCOUNT), {"id": policy.id})
    check_gone(
        "policy",
        {
            "get": lambda: POLICIES.get(policy.id, **IN_ACCOUNT),
            "update": lambda: POLICIES.update(policy.id, **IN_ACCOUNT, **changed),
            "delete": lambda: POLICIES.delete(policy.id, **IN_ACCOUNT),
        },
    )


def tests():
    """On every service token there is."""
    policy_tests = ACCESS.applications.policy_tests
    token = ACCESS.service_tokens.create(**IN_ACCOUNT, name=unique("token"))
    named = {"name": "named", "decision": "non_identity", "include": [{"service_token": {"token_id": token.id}}]}
    shared = POLICIES.create(**IN_ACCOUNT, name=unique("policy"), decision="bypass", include=[{"ip": {"ip": "192.0.2.1"}}])
    made = policy_tests.create(**IN_ACCOUNT, policies=[shared.id, named])
    check("policy test: it begins", made.status == "success")
    done = policy_tests.get(made.id, **IN_ACCOUNT)
    for _ in range(100):
        if done.status != "processing":
            break
        done = policy_tests.get(made.id, **IN_ACCOUNT)
    expected = {"status": "complete", "percent_users_processed": 100, "users_approved": 1, "users_errored": 0}
    check_shows("policy test", done, expected)
    counted = done.users_approved + done.users_blocked + done.users_errored
    check("policy test: every token is counted", done.total_users == counted)
    approved = list(policy_tests.users.list(made.id, **IN_ACCOUNT, status="success"))
    check("policy test: the one that is named gets in", [(it.id, it.status) for it in approved] == [(token.id, "approved")])
    check_listed("policy test", lambda **of: policy_tests.users.list(made.id, **IN_ACCOUNT, **of), token.id)
    check_raises(
        "a policy test of no policy is refused", cloudflare.BadRequestError, lambda: policy_tests.create(**IN_ACCOUNT, policies=[])
    )
    check_raises(
        "a policy test that was never made is not there",
        cloudflare.NotFoundError,
        lambda: policy_tests.get(token.id, **IN_ACCOUNT),
    )
    POLICIES.delete(shared.id, **IN_ACCOUNT)
    ACCESS.service_tokens.delete(token.id, **IN_ACCOUNT)
