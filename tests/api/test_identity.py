"""Signing in by an OpenID provider: a real one over HTTP, and what it must not get away with."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import RSAKey

from phoenix.domain.access.roles import Role
from tests.support.api_server import Served, phoenix_of, serving
from tests.support.openid_provider import OpenIdProvider


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    found = OpenIdProvider("phoenix")
    yield found
    found.stop()


@pytest.fixture
def served(provider: OpenIdProvider, tmp_path: Path) -> Iterator[Served]:
    with serving(phoenix_of(tmp_path, oidc_issuer=provider.issuer, oidc_client_id="phoenix")) as server:
        server.add_user("admin", Role.ADMIN)
        yield server


def sign_in(served: Served, client: httpx.Client) -> httpx.Response:
    """As a browser goes: to us, to the provider, and back."""
    away = client.get("/api/v1/auth/oidc/login")
    assert away.status_code == 302, away.text
    back = httpx.get(away.headers["location"])
    return client.get(back.headers["location"])


def test_who_the_provider_vouches_for_is_a_viewer_and_stays_himself(served: Served, provider: OpenIdProvider):
    with served.client() as client:
        assert sign_in(served, client).status_code == 303
        assert client.get("/api/v1/auth/session").json()["user"] == {"name": "carol", "role": "viewer"}
    served.phoenix.people.set_role("carol", Role.OPERATOR)
    provider.name = "carol-renamed"
    with served.client() as client:
        assert sign_in(served, client).status_code == 303
        assert client.get("/api/v1/auth/session").json()["user"] == {"name": "carol", "role": "operator"}


def test_a_name_that_somebody_has_here_is_not_taken_over(served: Served, provider: OpenIdProvider):
    provider.name = "admin"
    with served.client() as client:
        answer = sign_in(served, client)
        assert (answer.status_code, answer.json()["code"]) == (409, "user_exists")
        assert client.get("/api/v1/auth/session").status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"nonce": "another"},
        {"exp": int(time.time()) - 3600},
        {"sub": None},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_an_id_token_that_is_not_for_us_is_refused(
    served: Served, provider: OpenIdProvider, claims: dict[str, object]
):
    provider.claims = claims
    with served.client() as client:
        answer = sign_in(served, client)
        assert (answer.status_code, answer.json()["code"]) == (401, "wrong_credentials")
        assert client.get("/api/v1/auth/session").status_code == 401


def test_a_token_that_another_key_signed_is_refused(served: Served, provider: OpenIdProvider):
    provider.key = RSAKey.generate_key(2048, {"kid": "first", "alg": "RS256"})
    with served.client() as client:
        assert sign_in(served, client).json()["code"] == "wrong_credentials"


def test_the_way_back_is_for_the_browser_that_went_and_once(served: Served):
    with served.client() as victim, served.client() as thief:
        away = thief.get("/api/v1/auth/oidc/login")
        back = httpx.get(away.headers["location"]).headers["location"]
        assert victim.get(back).json()["code"] == "wrong_credentials"
        assert thief.get(back).status_code == 303
        assert thief.get(back).json()["code"] == "wrong_credentials"


def test_a_provider_that_is_away_is_said_to_be(served: Served, provider: OpenIdProvider):
    provider.stop()
    answer = served.client().get("/api/v1/auth/oidc/login")
    assert (answer.status_code, answer.json()["code"]) == (502, "provider_unavailable")


def test_without_a_provider_there_is_no_such_way(tmp_path: Path):
    with serving(phoenix_of(tmp_path)) as server:
        answer = server.client().get("/api/v1/auth/oidc/login")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_provider")
