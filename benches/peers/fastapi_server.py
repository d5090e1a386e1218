"""fastapi-users as its documentation sets it up, its tokens in the database as ours are; SQLite in WAL. Run by uvicorn.

PEER_DATABASE names the file; PEER_HASH=argon2id hashes as this server does, in place of the library's own choice.
"""
import asyncio
import os

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, IntegerIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport
from fastapi_users.authentication.strategy.db import DatabaseStrategy
from fastapi_users.password import PasswordHelper
from fastapi_users_db_sqlalchemy import SQLAlchemyBaseUserTable, SQLAlchemyUserDatabase
from fastapi_users_db_sqlalchemy.access_token import SQLAlchemyAccessTokenDatabase, SQLAlchemyBaseAccessTokenTable
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import ForeignKey, event
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTable[int], Base):
    id: Mapped[int] = mapped_column(primary_key=True)


class AccessToken(SQLAlchemyBaseAccessTokenTable[int], Base):
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))


engine = create_async_engine("sqlite+aiosqlite:///" + os.environ["PEER_DATABASE"], connect_args={"timeout": 30})


@event.listens_for(engine.sync_engine, "connect")
def durable(connection, _):
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


sessions = async_sessionmaker(engine, expire_on_commit=False)
ours = PasswordHelper(PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19456, parallelism=1),)))
helper = ours if os.environ["PEER_HASH"] == "argon2id" else None


class Manager(IntegerIDMixin, BaseUserManager[User, int]):
    pass


async def session():
    async with sessions() as opened:
        yield opened


async def manager(opened=Depends(session)):
    yield Manager(SQLAlchemyUserDatabase(opened, User), helper)


def strategy(opened=Depends(session)):
    return DatabaseStrategy(SQLAlchemyAccessTokenDatabase(opened, AccessToken), lifetime_seconds=1209600)


class UserRead(schemas.BaseUser[int]):
    pass


class UserCreate(schemas.BaseUserCreate):
    pass


backend = AuthenticationBackend("token", BearerTransport("auth/login"), strategy)
users = FastAPIUsers[User, int](manager, [backend])
app = FastAPI()
app.include_router(users.get_auth_router(backend), prefix="/auth")
app.include_router(users.get_register_router(UserRead, UserCreate), prefix="/auth")


@app.get("/users/me", response_model=UserRead)
async def me(user: User = Depends(users.current_user(active=True))):
    return user


async def migrate():
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


if __name__ == "__main__":
    asyncio.run(migrate())
