"""How does a browser get in and out? With a key once, and then with a cookie for some hours."""

from dataclasses import dataclass
from datetime import timedelta
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from service.api import auth, limits, origins
from service.api.context import Caller, services
from service.domain.errors import InvalidInputError, UnauthorizedError
from service.domain.sessions import hash_token
from service.store import sessions

LOGIN, LOGOUT, HOME = "/login", "/logout", "/"
# Where the working page sends whom it took for signed in.
ENDED = "ended"
FORM_TYPE = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 4096
_ENDED_TOLD = "Your session has ended. Sign in, and go on where you were."
_MESSAGE, _NAME = "<!-- message -->", "<!-- name -->"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class SignIn:
    """The pages, which have comments where a message or the key's name goes.

    A session `lasts` so long, if its key does.
    """

    form: str
    signed_in: str
    lasts: timedelta

    def routes(self) -> list[BaseRoute]:
        """Return the routes that need no key."""
        return [
            Route(LOGIN, self.show, methods=["GET"], include_in_schema=False),
            Route(LOGIN, self.enter, methods=["POST"], include_in_schema=False),
            Route(LOGOUT, self.leave, methods=["POST"], include_in_schema=False),
        ]

    async def show(self, request: Request) -> Response:
        """Show the form, or who is signed in."""
        try:
            caller = await _identify(request)
        except UnauthorizedError:
            return self._ask("status", _ENDED_TOLD if ENDED in request.query_params else "")
        text = self.signed_in.replace(_NAME, escape(caller.key_name))
        return Response(text, headers=_HEADERS, media_type="text/html")

    async def enter(self, request: Request) -> Response:
        """Begin a session with the form's key."""
        origins.check_ours(request)
        key = await _read_key(request)
        async with services(request).database.transaction() as connection:
            try:
                found = await auth.find_key(connection, key)
            except UnauthorizedError as error:
                return self._ask("alert", str(error), status=401)
            token, ends = await sessions.begin(connection, found.id, self.lasts)
        response = RedirectResponse(HOME, 303, _HEADERS)
        response.set_cookie(
            origins.cookie_name(request),
            token,
            expires=ends,
            secure=not origins.is_loopback(request),
            httponly=True,
            samesite="lax",
        )
        return response

    async def leave(self, request: Request) -> Response:
        """End the session, here and in the browser."""
        origins.check_ours(request)
        name = origins.cookie_name(request)
        token = request.cookies.get(name)
        service = services(request)
        if token is not None:
            token_hash = hash_token(token)
            async with service.database.connection() as connection:
                await sessions.end(connection, token_hash)
            service.callers.drop(token_hash)
        response = RedirectResponse(LOGIN, 303, _HEADERS)
        secure = not origins.is_loopback(request)
        response.delete_cookie(name, secure=secure, httponly=True, samesite="lax")
        return response

    def _ask(self, role: str, message: str, status: int = 200) -> Response:
        told = f'<p class="notice" role="{role}">{escape(message)}</p>' if message else ""
        text = self.form.replace(_MESSAGE, told)
        return Response(text, status, _HEADERS, media_type="text/html")


async def _identify(request: Request) -> Caller:
    service = services(request)
    return await auth.identify(request, service.database, service.callers)


async def _read_key(request: Request) -> str:
    limits.check_content_type(request, (FORM_TYPE,))
    body = await limits.read_body(request, MAX_FORM_BYTES)
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=1)
        return fields["key"][0].strip()
    except (ValueError, KeyError) as error:
        raise InvalidInputError("The form must have one field, `key`.") from error
