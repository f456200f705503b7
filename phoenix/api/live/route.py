"""The WebSocket /api/v1/events, behind the gate."""

from collections.abc import Callable
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query
from starlette.websockets import WebSocket

from phoenix.api.gate.credentials import Credentials
from phoenix.api.gate.gate import Recognising, principal_of, recognised
from phoenix.api.gate.rules import EVENTS_PATH
from phoenix.api.live.hub import Hub
from phoenix.api.live.socket import Pace, Reader
from phoenix.domain.access.people import SignInWay


def live_router(
    hub: Hub, pace: Pace, recognising: Callable[[], Recognising], delayed: Callable[[float], object]
) -> APIRouter:
    """The route of the ledger's WebSocket."""
    router = APIRouter()

    @router.websocket(EVENTS_PATH)
    async def events(
        socket: WebSocket, after: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None
    ) -> None:
        """The ledger as it grows; see `phoenix.api.live.frames` for what is said."""
        principal = principal_of(socket)
        shown: Credentials = socket.state.credentials

        async def still_holds() -> bool:
            if principal.way is SignInWay.OPEN:
                return True
            return await to_thread.run_sync(recognised, recognising(), shown) is not None

        await socket.accept()
        await Reader(socket, hub, principal.name, still_holds, pace, delayed).converse(after)

    return router
