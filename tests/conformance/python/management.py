"""Every operation of the official Python SDK that is served here, with strict response validation.

Environment:
  SALLYPORT_ADMIN      the management plane, such as http://127.0.0.1:8788
  SALLYPORT_GATEWAY    a gateway, such as http://127.0.0.1:8787
  SALLYPORT_ACCOUNT    the account id, 32 hex digits; also used as a zone's
  SALLYPORT_API_TOKEN  an API token of that account

What the SDK offers is read off the SDK itself: an operation that is neither called here nor listed as not served fails the
run. Prints one line per fact that does not hold, then the counts. Exit code 0 only when nothing failed.
"""

import sys

from sdk import alerting, api_tokens, applications, certificates, groups, logs, operations, organization, policies
from sdk import service_tokens, tags, unserved
from sdk.facts import check, counts

STAGES = [
    service_tokens.account_and_zone,
    groups.account_and_zone,
    tags.account,
    policies.reusable,
    policies.tests,
    applications.account_and_zone,
    applications.own_policies,
    certificates.account_and_zone,
    organization.account_and_zone,
    organization.keys,
    api_tokens.account,
    alerting.policies_and_webhooks,
    alerting.history,
    logs.access_requests,
    unserved.everything,
]


def main():
    for stage in STAGES:
        try:
            stage()
        except Exception as error:  # noqa: BLE001: one broken stage must not hide the others
            name = f"{stage.__module__}.{stage.__name__}"
            check(f"{name} goes through (got {type(error).__name__}: {error})", False)
    for missed in operations.missed():
        check(f"{missed} is called", False)
    served, refused = operations.counts()
    print(f"{served} operations served, {refused} refused as they should be")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 0 if counts["failed"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
