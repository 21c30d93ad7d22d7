"""`access/logs/access_requests`: a decision at the gateway is found again."""

import httpx

from .alerting import until
from .facts import ACCESS, GATEWAY, IN_ACCOUNT, check, check_shows, unique, unique_host


def access_requests():
    token = ACCESS.service_tokens.create(**IN_ACCOUNT, name=unique("token"))
    rule = {"service_token": {"token_id": token.id}}
    policy = {"name": "this token", "decision": "non_identity", "include": [rule]}
    app = ACCESS.applications.create(**IN_ACCOUNT, type="self_hosted", domain=unique_host(), policies=[policy])
    pair = {"CF-Access-Client-Id": token.client_id, "CF-Access-Client-Secret": token.client_secret}
    answer = httpx.get(GATEWAY, headers={**pair, "Host": app.domain})
    check("the gateway lets the pair in", answer.status_code == 200)

    def look():
        return ACCESS.logs.access_requests.list(**IN_ACCOUNT, per_page=5, extra_query={"app_uid": app.id, "allowed": "true"})

    found = until(look)
    check("the login is in the access log, once", len(found) == 1)
    if found:
        check_shows("access request", found[0], {"action": "login", "allowed": True, "app_uid": app.id})
        check("it has a ray", bool(found[0].rayid))
    none = ACCESS.logs.access_requests.list(**IN_ACCOUNT, app_uid_op="neq", limit=1000, extra_query={"app_uid": app.id})
    check("an operator turns the filter round", app.id not in [it.app_uid for it in none])
    ACCESS.applications.delete(app.id, **IN_ACCOUNT)
    ACCESS.service_tokens.delete(token.id, **IN_ACCOUNT)
