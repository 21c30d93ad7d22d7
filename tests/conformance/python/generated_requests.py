"""The management plane under requests that are generated from its own published contract.

Environment:
  SALLYPORT_ADMIN      the management plane, such as http://127.0.0.1:8788
  SALLYPORT_ACCOUNT    the account id, 32 hex digits
  SALLYPORT_API_TOKEN  an API token of that account that may do everything; what there is in it will not survive

Seeded, and bounded in requests rather than in time. An answer fails that is a 5xx, or whose status, type, headers or body
the contract does not describe, or that lets in somebody without a good API token. Exit code 0 only when nothing failed.
"""

import os
import subprocess
import sys
import tempfile

CONFIG = """
seed = 20_260_801
continue-on-failure = true
request-timeout = 15.0
warnings = false
headers = { Authorization = "Bearer ${SALLYPORT_API_TOKEN}" }

[parameters]
"path.account_id" = "${SALLYPORT_ACCOUNT}"

[generation]
max-examples = 4
no-shrink = true
database = "none"

[checks]
enabled = false
not_a_server_error.enabled = true
status_code_conformance.enabled = true
content_type_conformance.enabled = true
response_headers_conformance.enabled = true
response_schema_conformance.enabled = true
ignored_auth.enabled = true

[phases]
stateful.enabled = false
"""


def main():
    document = os.environ["SALLYPORT_ADMIN"].rstrip("/") + "/client/v4/openapi.json"
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "schemathesis.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG)
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", config, "run", document, "--no-color"]
        return subprocess.run(command, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
