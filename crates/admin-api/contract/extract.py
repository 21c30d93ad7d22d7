"""The operations and fields of the public contract's OpenAPI document, in the small form that is compared with ours.

  python3 extract.py openapi-access.json > contract.json

Of each operation: the status of success, the parameters of the query, and the names at the top of body and result. Where the
contract has several kinds of object, the kind that is served here is taken.
"""

import json
import sys

KINDS = {"Self Hosted Application", "Self-hosted"}


def resolve(document, schema):
    while "$ref" in schema:
        at = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        schema = at
    return schema


def names(document, schema):
    schema = resolve(document, schema)
    if schema.get("type") == "array":
        return names(document, schema.get("items", {}))
    found = dict.fromkeys(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        found |= dict.fromkeys(names(document, part))
    kinds = [resolve(document, kind) for kind in schema.get("oneOf", []) + schema.get("anyOf", [])]
    chosen = [kind for kind in kinds if kind.get("title") in KINDS] or kinds[:1]
    for kind in chosen:
        found |= dict.fromkeys(names(document, kind))
    return sorted(found)


def member(document, schema, name):
    """The last description of a member wins, as where a result is said again beside the envelope's."""
    schema = resolve(document, schema)
    found = schema.get("properties", {}).get(name)
    for part in schema.get("allOf", []):
        found = member(document, part, name) or found
    return found


def json_of(content):
    return content.get("content", {}).get("application/json", {}).get("schema")


def operation(document, given):
    status = next(it for it in given["responses"] if it.startswith("2"))
    body = json_of(given.get("requestBody", {}))
    answer = json_of(given["responses"][status])
    result = answer and member(document, answer, "result")
    parameters = [resolve(document, it) for it in given.get("parameters", [])]
    return {
        "status": int(status),
        "query": sorted(it["name"] for it in parameters if it["in"] == "query"),
        "body": names(document, body) if body else [],
        "result": names(document, result) if result else [],
    }


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    methods = ("get", "post", "put", "patch", "delete")
    found = {
        f"{method.upper()} {path}": operation(document, item[method])
        for path, item in document["paths"].items()
        for method in methods
        if method in item
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(it)}" for name, it in sorted(found.items(), key=lambda it: it[0].split()[::-1])]
    print("{\n" + ",\n".join(lines) + "\n}")


if __name__ == "__main__":
    main()
