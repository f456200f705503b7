"""From where a request comes, and what it shows: foreign pages, rebound names, wrong tokens, guessing."""

from datetime import UTC, datetime, timedelta

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from phoenix.domain.access.roles import Role
from tests.support.api_server import PASSWORD, Served

FOREIGN = "https://evil.example"


def socket_url(served: Served) -> str:
    return served.url.replace("http", "ws") + "/api/v1/events"


def test_a_foreign_page_changes_nothing(served: Served):
    with served.browser("operator") as client:
        answer = client.post("/api/v1/recovery", headers={"origin": FOREIGN})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


def test_a_form_of_a_foreign_page_cannot_sign_somebody_in(served: Served):
    body = {"name": "operator", "password": PASSWORD}
    answer = served.client().post("/api/v1/auth/login", json=body, headers={"origin": FOREIGN})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert "set-cookie" not in answer.headers


def test_what_a_browser_says_of_another_site_counts_without_an_origin(served: Served):
    with served.browser("operator") as client:
        del client.headers["origin"]
        answer = client.post("/api/v1/recovery", headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


def test_a_change_needs_the_token_of_its_session(served: Served):
    with served.browser("operator") as client, served.browser("operator") as another:
        for given in ("", "x", another.headers["x-csrf-token"]):
            answer = client.post("/api/v1/auth/tokens", json={"name": "x"}, headers={"x-csrf-token": given})
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
        assert client.post("/api/v1/auth/tokens", json={"name": "x"}).status_code == 201


def test_a_name_that_was_rebound_to_us_is_not_ours(served: Served):
    answer = served.client().get("/healthz", headers={"host": "evil.example:8080"})
    assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host_name")
    port = served.url.rpartition(":")[2]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert served.client().get("/healthz", headers={"host": host}).status_code == 200


def test_the_cookie_is_out_of_reach_of_pages_and_other_sites(served: Served):
    answer = served.client().post("/api/v1/auth/login", json={"name": "viewer", "password": PASSWORD})
    (cookie,) = answer.headers.get_list("set-cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie


@pytest.mark.parametrize("scheme", ["Bearer phx_wrong", "Bearer", "Basic YTpi", "bearer\tx", "Bearer \xff"])
def test_a_wrong_token_is_refused_whatever_else_comes_along(served: Served, scheme: str):
    headers = {b"authorization": scheme.encode("latin-1")}
    answer = served.client().get("/api/v1/experiments", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "not_signed_in"


def test_a_token_ends_when_it_is_revoked_or_its_owner_is_gone(served: Served):
    served.add_user("leaver", Role.OPERATOR)
    with served.browser("leaver") as person:
        made = person.post("/api/v1/auth/tokens", json={"name": "job", "role": "operator"}).json()
        program = served.client(authorization=f"Bearer {made['secret']}")
        assert program.get("/api/v1/experiments").status_code == 200
        assert person.delete(f"/api/v1/auth/tokens/{made['id']}").status_code == 200
        assert program.get("/api/v1/experiments").status_code == 401
        another = person.post("/api/v1/auth/tokens", json={"name": "job", "role": "operator"}).json()
    program = served.client(authorization=f"Bearer {another['secret']}")
    assert program.get("/api/v1/experiments").status_code == 200
    with served.browser("admin") as admin:
        changed = admin.patch("/api/v1/auth/users/leaver", json={"isDisabled": True, "reason": "left"})
        assert changed.status_code == 200, changed.text
    assert program.get("/api/v1/experiments").status_code == 401


def test_an_expired_token_does_not_hold(served: Served):
    token, secret = served.phoenix.tokens.create("viewer", "old", Role.VIEWER, timedelta(minutes=1))
    later = datetime.now(UTC) + timedelta(minutes=2)
    recognising = type(served.phoenix.signing_in)(
        served.phoenix.access_store, served.phoenix.__dict__["_passwords"], now=lambda: later
    )
    assert recognising.of_token(secret) is None
    assert served.phoenix.signing_in.of_token(secret) is not None
    assert token.expires_at < later


def test_the_token_of_another_role_is_not_given_to_who_has_less(served: Served):
    with served.browser("viewer") as client:
        answer = client.post("/api/v1/auth/tokens", json={"name": "more", "role": "admin"})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_nobody_sees_or_revokes_the_tokens_of_others(served: Served):
    with served.browser("operator") as operator, served.browser("viewer") as viewer:
        made = operator.post("/api/v1/auth/tokens", json={"name": "mine"}).json()
        assert made["id"] not in {token["id"] for token in viewer.get("/api/v1/auth/tokens").json()["items"]}
        assert viewer.delete(f"/api/v1/auth/tokens/{made['id']}").status_code == 404


def test_guessing_locks_the_user_and_says_nothing_about_him(served: Served):
    served.add_user("guessed", Role.VIEWER)
    said: set[str] = set()
    for attempt in range(5):
        wrong = {"name": "guessed", "password": f"wrong password {attempt}"}
        answer = served.client().post("/api/v1/auth/login", json=wrong)
        assert answer.status_code == 401
        said.add(answer.json()["detail"])
    right = served.client().post("/api/v1/auth/login", json={"name": "guessed", "password": PASSWORD})
    unknown = served.client().post("/api/v1/auth/login", json={"name": "nobody", "password": PASSWORD})
    said |= {right.json()["detail"], unknown.json()["detail"]}
    assert (right.status_code, unknown.status_code, len(said)) == (401, 401, 1)


def test_a_server_without_sign_in_is_for_this_machine_only():
    from phoenix.api.options import ServerOptions
    from phoenix.domain.errors import SpecError

    with pytest.raises(SpecError, match="loopback"):
        ServerOptions(host="0.0.0.0", needs_sign_in=False)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer phx_wrong"}])
def test_the_socket_turns_strangers_away(served: Served, headers: dict[str, str]):
    with pytest.raises(InvalidStatus) as refused:
        connect(socket_url(served), additional_headers=headers)
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("origin", [FOREIGN, "null", None])
def test_the_socket_takes_a_cookie_only_from_our_own_page(served: Served, origin: str | None):
    with served.browser("admin") as client:
        cookie = f"phoenix_session={client.cookies['phoenix_session']}"
    with pytest.raises(InvalidStatus) as refused:
        connect(socket_url(served), origin=origin, additional_headers={"Cookie": cookie})  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403
    with connect(socket_url(served), origin=served.url, additional_headers={"Cookie": cookie}) as socket:  # type: ignore[arg-type]
        assert '"type":"hello"' in str(socket.recv(10))


def test_a_body_without_end_is_not_read(served: Served):
    def endless():
        for _ in range(20):
            yield b"x" * 2**20

    with served.program("operator", Role.OPERATOR) as client:
        answer = client.post(
            "/api/v1/experiments", content=endless(), headers={"content-type": "application/json"}
        )
    assert answer.status_code == 413


def test_the_audit_says_who_did_what_and_why_and_no_secret(served: Served):
    with served.browser("admin") as admin:
        admin.post(
            "/api/v1/auth/users",
            json={"name": "audited", "role": "viewer", "password": "a very secret one", "reason": "new here"},
        )
        lines = admin.get("/api/v1/auth/audit").json()["items"]
    made = next(line for line in lines if line["action"] == "users.create")
    assert (made["who"], made["reason"], made["outcome"], made["address"]) == (
        "admin",
        "new here",
        "done",
        "127.0.0.1",
    )
    assert "a very secret one" not in str(lines)
    with served.browser("operator") as operator:
        assert operator.get("/api/v1/auth/audit").status_code == 403
