"""`access/tags`: known by their names."""

import cloudflare

from .facts import ACCESS, IN_ACCOUNT, check, check_gone, check_listed, check_raises, unique_host

TAGS = ACCESS.tags


def account():
    name = unique_host()
    check("a tag is created", TAGS.create(**IN_ACCOUNT, name=name).name == name)
    check("a tag is read back", TAGS.get(name, **IN_ACCOUNT).name == name)
    check_listed("tag", lambda **of: TAGS.list(**IN_ACCOUNT, **of), name, key="name")
    check("a tag is renamed", TAGS.update(name, **IN_ACCOUNT, name=name + ".2").name == name + ".2")
    app = ACCESS.applications.create(**IN_ACCOUNT, type="self_hosted", domain=unique_host(), tags=[name + ".2"])
    check("an application has the tag", app.tags == [name + ".2"])
    check_raises(
        "a tag that an application names is not deleted",
        cloudflare.ConflictError,
        lambda: TAGS.delete(name + ".2", **IN_ACCOUNT),
    )
    ACCESS.applications.delete(app.id, **IN_ACCOUNT)
    check("a tag is deleted", TAGS.delete(name + ".2", **IN_ACCOUNT).name == name + ".2")
    check_gone(
        "tag",
        {
            "get": lambda: TAGS.get(name, **IN_ACCOUNT),
            "update": lambda: TAGS.update(name, **IN_ACCOUNT, name="x"),
            "delete": lambda: TAGS.delete(name + ".2", **IN_ACCOUNT),
        },
    )
