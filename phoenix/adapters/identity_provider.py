"""An OpenID provider, by Authlib: where people are sent to sign in, and what it says of who came back.

Authorization code with PKCE (RFC 7636), state and nonce; the ID token is checked by the provider's published keys, its
issuer, audience and times (OpenID Connect Core 1.0, section 3.1.3.7).
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from phoenix.domain.errors import DependencyError, StateError

_DISCOVERY = "/.well-known/openid-configuration"
_SCOPE = "openid profile email"
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures only: `none` and shared secrets are not what a provider's key speaks for."""

_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Who came back.

    Attributes:
        subject: `issuer subject`, which no other person ever has.
        name: What he is called there.
    """

    subject: str
    name: str


@dataclass(frozen=True, slots=True)
class Errand:
    """Somebody who was sent to the provider.

    Attributes:
        url: Where to.
        state: What he must come back with.
        nonce: What the ID token must hold.
        verifier: Of PKCE.
    """

    url: str
    state: str
    nonce: str
    verifier: str


class IdentityProvider:
    """One provider.

    Args:
        issuer: Its URL.
        client_id: What it calls us.
        client_secret: "" for a public client.
    """

    def __init__(self, issuer: str, client_id: str, client_secret: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret

    def send(self, redirect_url: str) -> Errand:
        """Where to send somebody.

        Raises:
            DependencyError: The provider does not answer as one.
        """
        from authlib.common.security import generate_token

        nonce, verifier = generate_token(32), generate_token(48)
        with closing(self._client(redirect_url)) as client:
            url, state = client.create_authorization_url(
                self._metadata()["authorization_endpoint"], nonce=nonce, code_verifier=verifier
            )
        return Errand(url, state, nonce, verifier)

    def receive(self, errand: Errand, redirect_url: str, code: str) -> Identity:
        """Who came back with a code.

        Raises:
            StateError: Code `wrong_credentials`: the provider does not vouch for him.
            DependencyError: The provider does not answer as one.
        """
        metadata = self._metadata()
        try:
            with closing(self._client(redirect_url)) as client:
                answer = client.fetch_token(
                    metadata["token_endpoint"], code=code, code_verifier=errand.verifier
                )
        except httpx.HTTPError as error:
            raise _silent(self._issuer, str(error)) from error
        except Exception as error:  # Authlib's own tree, and what a wrong answer becomes
            raise _not_vouched(type(error).__name__) from error
        claims = self._claims(str(answer.get("id_token", "")), metadata, errand.nonce)
        name = claims.get("preferred_username") or claims.get("email") or claims["sub"]
        return Identity(f"{claims['iss']} {claims['sub']}", str(name))

    def _claims(self, token: str, metadata: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        keys = KeySet.import_key_set(cast("Any", self._get(metadata["jwks_uri"])))
        registry = jwt.JWTClaimsRegistry(
            leeway=60,
            iss={"essential": True, "value": metadata["issuer"]},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            decoded = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            registry.validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise _not_vouched(str(error)) from error
        return decoded.claims

    def _metadata(self) -> Mapping[str, Any]:
        found = self._get(self._issuer + _DISCOVERY)
        wanted = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
        if (
            any(not isinstance(found.get(key), str) for key in wanted)
            or found["issuer"].rstrip("/") != self._issuer
        ):
            raise _silent(self._issuer, "what it publishes is not of this issuer")
        return found

    def _get(self, url: str) -> Mapping[str, Any]:
        try:
            answer = httpx.get(url, timeout=_PATIENCE_SECONDS)
            answer.raise_for_status()
            return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise _silent(self._issuer, str(error)) from error

    def _client(self, redirect_url: str) -> Any:  # Authlib tells its types of no method that httpx has
        import warnings

        with warnings.catch_warnings():
            # Authlib warns whoever starts the server that it would rather have another client than the one it has.
            warnings.simplefilter("ignore")
            from authlib.integrations.httpx_client import OAuth2Client

        return OAuth2Client(
            self._client_id,
            self._client_secret or None,
            scope=_SCOPE,
            redirect_uri=redirect_url,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._client_secret else "none",
            timeout=_PATIENCE_SECONDS,
        )


def _silent(issuer: str, why: str) -> DependencyError:
    return DependencyError(
        f"The OpenID provider {issuer} cannot be used: {why}.",
        code="provider_unavailable",
        hint="check PHOENIX_OIDC_ISSUER, and that this server reaches it",
    )


def _not_vouched(why: str) -> StateError:
    return StateError(
        f"The OpenID provider does not vouch for this sign-in: {why}.",
        code="wrong_credentials",
        hint="sign in once more",
    )
