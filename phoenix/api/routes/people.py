"""/api/v1/auth/users and /api/v1/auth/audit: other people, for admins."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from phoenix.api import etags
from phoenix.api.gate.rules import needs
from phoenix.api.routes.requests import LONGEST_NAME, Services
from phoenix.domain.access.people import LONGEST_PASSWORD, User, check_password
from phoenix.domain.access.roles import Role
from phoenix.domain.access.secrets import digest
from phoenix.services.access.summaries import summarise_audit_event, summarise_user

Document = dict[str, Any]

UserName = Annotated[str, Path(min_length=1, max_length=64)]

Password = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST_PASSWORD)]


class UserBody(BaseModel):
    """Somebody who is to sign in with a password."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    role: Role = Role.VIEWER
    password: Password
    reason: str = Field(default="", max_length=2000)


class ChangeBody(BaseModel):
    """What changes of somebody; what is left out stays."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    role: Role | None = None
    is_disabled: bool | None = Field(default=None, alias="isDisabled")
    password: Password | None = None
    reason: str = Field(default="", max_length=2000)


router = APIRouter(prefix="/auth", tags=["users"])


@router.get("/users", operation_id="users.list", openapi_extra=needs(Role.ADMIN))
def users(phoenix: Services) -> Document:
    """Everybody, by name."""
    return {"items": [summarise_user(user) for user in phoenix.people.list()]}


@router.post("/users", status_code=201, operation_id="users.create", openapi_extra=needs(Role.ADMIN))
def create(phoenix: Services, body: UserBody, request: Request) -> Document:
    """Add somebody."""
    request.state.reason = body.reason
    phoenix.people.add(body.name, body.role, body.password.get_secret_value())
    return summarise_user(phoenix.people.get(body.name))


@router.get("/users/{name}", operation_id="users.get", openapi_extra=needs(Role.ADMIN))
def get(phoenix: Services, name: UserName, response: Response) -> Document:
    """Somebody."""
    user = phoenix.people.get(name)
    response.headers["ETag"] = _tag(user)
    return summarise_user(user)


@router.patch("/users/{name}", operation_id="users.change", openapi_extra=needs(Role.ADMIN))
def change(phoenix: Services, name: UserName, body: ChangeBody, request: Request) -> Document:
    """Change somebody's role, password, or whether he may sign in. One admin always stays."""
    request.state.reason = body.reason
    user = phoenix.people.get(name)
    etags.demand(request, _tag(user))
    if body.password is not None:
        # Looked at first: nothing is changed where a part of it cannot be.
        check_password(body.password.get_secret_value(), user.name)
    if body.role is not None:
        phoenix.people.set_role(name, body.role)
    if body.is_disabled is not None:
        (phoenix.people.disable if body.is_disabled else phoenix.people.enable)(name)
    if body.password is not None:
        phoenix.people.set_password(name, body.password.get_secret_value())
    return summarise_user(phoenix.people.get(name))


@router.delete("/users/{name}", operation_id="users.remove", openapi_extra=needs(Role.ADMIN))
def remove(phoenix: Services, name: UserName, request: Request) -> Document:
    """Remove somebody, with his tokens; his lines in the audit stay."""
    user = phoenix.people.get(name)
    etags.demand(request, _tag(user))
    phoenix.people.remove(name)
    return summarise_user(user)


@router.get("/audit", operation_id="audit.list", openapi_extra=needs(Role.ADMIN))
def audit(
    phoenix: Services,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="What `next` said.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    who: Annotated[str | None, Query(max_length=LONGEST_NAME)] = None,
) -> Document:
    """Who changed what, and who tried; newest first."""
    found = phoenix.audit.list(before=before, limit=limit, who=who)
    return {
        "items": [summarise_audit_event(event) for event in found],
        "next": found[-1].sequence if len(found) == limit else None,
    }


def _tag(user: User) -> str:
    return etags.tag(digest(f"{user.role} {user.is_disabled} {user.password_hash}")[:16])
