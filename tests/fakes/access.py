"""An `AccessStore` in memory, held to the contract suite of the real one (tests/contracts/test_access_store.py)."""

from dataclasses import replace
from datetime import datetime
from threading import RLock

from phoenix.adapters.access_store import AccessStore, Answer
from phoenix.adapters.store import access_rules
from phoenix.adapters.store.access_rules import stored
from phoenix.adapters.store.encoding import as_utc, exact, storable
from phoenix.domain.access.people import AuditEvent, Invitation, Session, Token, User
from phoenix.domain.access.roles import Role


class _Begun:
    def __init__(self, fingerprint: str, at: datetime) -> None:
        self.fingerprint = fingerprint
        self.at = at
        self.answer: Answer | None = None


class FakeAccessStore(AccessStore):
    def __init__(self) -> None:
        self._lock = RLock()
        self._users: dict[str, User] = {}
        self._sessions: dict[str, Session] = {}
        self._tokens: dict[str, Token] = {}
        self._invitation: Invitation | None = None
        self._events: list[AuditEvent] = []
        self._requests: dict[str, _Begun] = {}

    def add_user(self, user: User) -> None:
        kept = stored(user)
        with self._lock:
            is_same_person = user.subject and self.user_of_subject(user.subject)
            if user.name in self._users or is_same_person:
                raise access_rules.user_exists(user.name)
            self._users[user.name] = kept

    def user(self, name: str) -> User:
        with self._lock:
            if name not in self._users:
                raise access_rules.unknown_user(name)
            return self._users[name]

    def user_of_subject(self, subject: str) -> User | None:
        with self._lock:
            return next((user for user in self._users.values() if subject and user.subject == subject), None)

    def users(self) -> tuple[User, ...]:
        with self._lock:
            return tuple(self._users[name] for name in sorted(self._users))

    def set_role(self, name: str, role: Role) -> None:
        with self._lock:
            if role is not Role.ADMIN:
                self._check_admin_stays(name)
            self._users[name] = replace(self.user(name), role=role)

    def set_password(self, name: str, password_hash: str, *, instead_of: str | None = None) -> None:
        with self._lock:
            user = self.user(name)
            if instead_of is not None and user.password_hash != instead_of:
                raise access_rules.password_changed(name)
            self._users[name] = replace(user, password_hash=password_hash, failures=0, locked_until=None)
            self.close_sessions(name)

    def set_disabled(self, name: str, *, is_disabled: bool) -> None:
        with self._lock:
            if is_disabled:
                self._check_admin_stays(name)
                self.close_sessions(name)
            self._users[name] = replace(self.user(name), is_disabled=is_disabled)

    def remove_user(self, name: str) -> None:
        with self._lock:
            self._check_admin_stays(name)
            self.close_sessions(name)
            self._tokens = {id_: token for id_, token in self._tokens.items() if token.user != name}
            del self._users[name]

    def has_admin(self) -> bool:
        return any(access_rules.is_enabled_admin(user) for user in self.users())

    def failed(self, name: str, *, most: int, lock_until: datetime) -> User:
        moment = as_utc(lock_until)
        with self._lock:
            user = self.user(name)
            failures = user.failures + 1
            locks = {"failures": 0, "locked_until": moment}
            self._users[name] = replace(user, **locks if failures >= most else {"failures": failures})
            return self._users[name]

    def succeeded(self, name: str) -> None:
        with self._lock:
            self._users[name] = replace(self.user(name), failures=0, locked_until=None)

    def open_session(self, session: Session) -> None:
        kept = stored(session)
        with self._lock:
            self.user(session.user)
            if session.digest in self._sessions:
                raise access_rules.duplicate_secret(session.user)
            self._sessions[session.digest] = kept

    def session(self, digest: str) -> Session | None:
        return self._sessions.get(digest)

    def touch_session(self, digest: str, at: datetime) -> None:
        moment = as_utc(at)
        with self._lock:
            session = self._sessions.get(digest)
            if session is not None:
                self._sessions[digest] = replace(session, seen_at=max(session.seen_at, moment))

    def close_session(self, digest: str) -> None:
        with self._lock:
            self._sessions.pop(digest, None)

    def close_sessions(self, user: str) -> None:
        with self._lock:
            self.user(user)
            self._sessions = {key: one for key, one in self._sessions.items() if one.user != user}

    def forget_sessions(self, before: datetime) -> int:
        moment = as_utc(before)
        with self._lock:
            count = len(self._sessions)
            self._sessions = {key: one for key, one in self._sessions.items() if one.expires_at >= moment}
            return count - len(self._sessions)

    def add_token(self, token: Token) -> None:
        kept = stored(token)
        with self._lock:
            self.user(token.user)
            if token.id in self._tokens or self.token_of(token.digest) is not None:
                raise access_rules.duplicate_secret(token.user)
            self._tokens[token.id] = kept

    def token_of(self, digest: str) -> Token | None:
        with self._lock:
            return next((token for token in self._tokens.values() if token.digest == digest), None)

    def tokens(self, user: str | None = None) -> tuple[Token, ...]:
        with self._lock:
            # Sorted stably and then turned: of two of the same moment, the one created later comes first.
            newest_first = sorted(self._tokens.values(), key=lambda token: token.created_at)[::-1]
            return tuple(token for token in newest_first if user is None or token.user == user)

    def touch_token(self, token: str, at: datetime) -> None:
        moment = as_utc(at)
        with self._lock:
            found = self._tokens.get(token)
            if found is not None:
                self._tokens[token] = replace(found, used_at=max(found.used_at or moment, moment))

    def revoke_token(self, token: str, at: datetime) -> Token:
        moment = as_utc(at)
        with self._lock:
            if token not in self._tokens:
                raise access_rules.unknown_token(token)
            found = self._tokens[token]
            self._tokens[token] = replace(found, revoked_at=found.revoked_at or moment)
            return self._tokens[token]

    def invite(self, invitation: Invitation) -> None:
        self._invitation = stored(invitation)

    def accept(self, digest: str, at: datetime, user: User) -> None:
        moment = as_utc(at)
        with self._lock:
            invitation = self._invitation
            if invitation is None or invitation.digest != digest or invitation.expires_at <= moment:
                raise access_rules.invitation_over()
            self.add_user(replace(user, role=invitation.role))
            self._invitation = None

    def audit(self, event: AuditEvent) -> None:
        kept = stored(event)
        with self._lock:
            self._events.append(replace(kept, sequence=len(self._events) + 1))

    def audit_events(
        self, *, before: int | None = None, limit: int = 100, who: str | None = None
    ) -> tuple[AuditEvent, ...]:
        with self._lock:
            wanted = (
                event
                for event in reversed(self._events)
                if (before is None or event.sequence < before) and (who is None or event.who == storable(who))
            )
            return tuple(wanted)[:limit]

    def begin_request(
        self, key: str, fingerprint: str, at: datetime, *, forget_before: datetime
    ) -> Answer | None:
        begun, oldest = _Begun(exact(fingerprint), as_utc(at)), as_utc(forget_before)
        with self._lock:
            self._requests = {name: one for name, one in self._requests.items() if one.at >= oldest}
            found = self._requests.setdefault(exact(key), begun)
            if found is begun:
                return None
            return access_rules.answer_of(found.fingerprint, fingerprint, found.answer)

    def end_request(self, key: str, answer: Answer | None) -> None:
        with self._lock:
            begun = self._requests.get(exact(key))
            if begun is None or begun.answer is not None:
                return
            if answer is None:
                del self._requests[key]
            else:
                headers = tuple((name, value) for name, value in answer.headers)
                begun.answer = replace(answer, headers=headers)

    def _check_admin_stays(self, name: str) -> None:
        others = (user for user in self.users() if user.name != name)
        access_rules.check_admin_stays(self.user(name), others)
