"""A stand-in for an OIDC provider: discovery, authorisation by whoever asks, a signed token, its keys."""

import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, ACCESS_TOKEN = "vigie-test", "planted-access-token"


class Provider:
    """`mail`: who logs in next, `verified`: whether the provider has looked at that address."""

    def __init__(self):
        self.mail, self.verified = "keeper@example.org", True
        self._key = RSAKey.generate_key(2048, {"kid": "one"})
        self._nonces = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def discovery(self):
        return {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "jwks_uri": f"{self.base}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def authorize(self, asked):
        """Where the browser goes next."""
        code = secrets.token_hex(8)
        self._nonces[code] = asked.get("nonce")
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, asked):
        now = int(time.time())
        claims = {
            "iss": self.base, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 600,
            "nonce": self._nonces.pop(asked["code"]), "email": self.mail, "email_verified": self.verified,
        }  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self._key)
        return {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": signed}

    def _handler(provider):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                address = urlsplit(self.path)
                asked = {name: values[0] for name, values in parse_qs(address.query).items()}
                if address.path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", provider.authorize(asked))
                    self.end_headers()
                elif address.path == "/keys":
                    self._answer({"keys": [provider._key.as_dict(private=False)]})
                else:
                    self._answer(provider.discovery())

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._answer(provider.token({name: values[0] for name, values in parse_qs(body).items()}))

            def _answer(self, answer):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *arguments):
                pass

        return Handler
