"""The first start: a link that makes one admin, once."""

from pathlib import Path

from phoenix.cli.server import first_admin_link
from tests.support.api_server import PASSWORD, Served, phoenix_of, serving


def accept(server: Served, link: str, name: str):
    body = {"secret": link.partition("#")[2], "name": name, "password": PASSWORD}
    return server.client().post("/api/v1/auth/invitation", json=body)


def test_the_link_makes_one_admin_once_and_no_link_comes_after(tmp_path: Path):
    with serving(phoenix_of(tmp_path)) as server:
        assert server.client().get("/api/v1/auth/status").json()["hasAdmin"] is False
        stale = first_admin_link(server.phoenix, server.url)
        link = first_admin_link(server.phoenix, server.url)
        assert stale
        assert link
        assert accept(server, stale, "early").json()["code"] == "invitation_over"
        page = server.client().get(link)
        assert "link works once" in page.text
        assert "script-src" in page.headers["content-security-policy"]
        weak = server.client().post(
            "/api/v1/auth/invitation",
            json={"secret": link.partition("#")[2], "name": "root", "password": "short"},
        )
        assert (weak.status_code, weak.json()["code"]) == (422, "weak_password")
        made = accept(server, link, "root")
        assert made.status_code == 200, made.text
        assert made.json()["user"] == {"name": "root", "role": "admin"}
        assert accept(server, link, "late").json()["code"] == "invitation_over"
        assert first_admin_link(server.phoenix, server.url) is None
        with server.browser("root") as admin:
            assert [user["name"] for user in admin.get("/api/v1/auth/users").json()["items"]] == ["root"]


def test_one_admin_always_stays(tmp_path: Path):
    with serving(phoenix_of(tmp_path)) as server:
        link = first_admin_link(server.phoenix, server.url)
        assert link
        accept(server, link, "root")
        with server.browser("root") as admin:
            for change in ({"role": "viewer"}, {"isDisabled": True}):
                answer = admin.patch("/api/v1/auth/users/root", json=change)
                assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
            assert admin.delete("/api/v1/auth/users/root").json()["code"] == "last_admin"
            changed = {"old": PASSWORD, "new": "another good password"}
            assert admin.post("/api/v1/auth/password", json=changed).status_code == 200
            assert admin.get("/api/v1/auth/session").status_code == 401
