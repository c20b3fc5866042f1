"""Forms as browsers send them: read within bounds of bytes, fields and time."""

import asyncio
from urllib.parse import parse_qs

from starlette.requests import Request

from cloud.doors.site import MOST_BODY_BYTES, RequestError
from cloud.visitor import Form

BODY_SECONDS = 10.0
MOST_CHANGE_BYTES = 1 << 20
"""A document of policies (256 KiB) as a form may send it, with room."""
MOST_CHANGE_FIELDS = 1_100
"""A thousand things chosen at once."""


async def read_form(
    request: Request, most_bytes: int = MOST_BODY_BYTES, most_fields: int = 10
) -> Form:
    """The fields of a form. Raises RequestError."""
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > most_bytes:
                    raise RequestError(413, "The form is too large.")
    except TimeoutError:
        raise RequestError(408, "The form did not come in time.") from None
    try:
        return parse_qs(body.decode(), max_num_fields=most_fields)
    except ValueError:
        raise RequestError(400, "The form is not understood.") from None


def first(form: Form) -> dict[str, str]:
    """Of fields that come several times the first."""
    return {name: values[0] for name, values in form.items()}
