"""/api/v1/recovery."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from phoenix.api.gate.rules import needs
from phoenix.api.routes.requests import Services
from phoenix.domain.access.roles import Role
from phoenix.services.operations.recovery import LocalRecovery

router = APIRouter(prefix="/recovery", tags=["recovery"])


async def operations(phoenix: Services) -> LocalRecovery:
    """For who asks."""
    return phoenix.recovery_operations()


Operations = Annotated[LocalRecovery, Depends(operations)]


@router.post("", operation_id="recovery.run", openapi_extra=needs(Role.OPERATOR))
def recover(recoveries: Operations) -> dict[str, Any]:
    """Repair what lost drivers, silent hosts and dead flow processes left, everywhere. Twice is once."""
    return recoveries.recover()
