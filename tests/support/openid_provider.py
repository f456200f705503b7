"""A small OpenID provider on loopback, with a key of its own: it vouches for whoever it is told to."""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


class OpenIdProvider:
    """Serves discovery, keys, authorization and tokens.

    Attributes:
        subject: Who signs in there.
        name: What he is called.
        claims: Laid over the ID token's, to tell what is not so.
        key: That it signs with; the published one is always the first.
    """

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.subject = "u-1"
        self.name = "carol"
        self.claims: dict[str, object] = {}
        self.key = self._published = RSAKey.generate_key(2048, {"kid": "first", "alg": "RS256", "use": "sig"})
        self._given: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.post(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def get(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        if parts.path == "/.well-known/openid-configuration":
            self._answer(
                request,
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                },
            )
        elif parts.path == "/keys":
            self._answer(request, {"keys": [self._published.as_dict(private=False)]})
        else:
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            code = hashlib.sha256(asked["state"].encode()).hexdigest()
            self._given[code] = asked
            back = urlencode({"state": asked["state"], "code": code})
            request.send_response(302)
            request.send_header("location", f"{asked['redirect_uri']}?{back}")
            request.end_headers()

    def post(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self._given.pop(given.get("code", ""), None)
        verifier = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge:
            self._answer(request, {"error": "invalid_grant"}, 400)
            return
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.client_id,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            "preferred_username": self.name,
            **self.claims,
        }
        token = jwt.encode({"alg": "RS256", "kid": "first"}, claims, self.key)
        self._answer(request, {"access_token": "a", "token_type": "Bearer", "id_token": token})

    def _answer(self, request: BaseHTTPRequestHandler, document: object, status: int = 200) -> None:
        body = json.dumps(document).encode()
        request.send_response(status)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
