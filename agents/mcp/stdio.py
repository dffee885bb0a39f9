"""An imported server as a process of ours: started without a shell, without our secrets, and never left behind."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import ErrorData, JSONRPCError, JSONRPCMessage, jsonrpc_message_adapter

from agents.mcp.answers import ANSWER_LIMIT, NOISE_LIMIT, BadAnswer, parse, reply_to
from agents.mcp.background import on_fork
from agents.mcp.errors import NotExecuted
from agents.mcp.trip import Trip

logger = logging.getLogger(__name__)

GUARD = str(Path(__file__).with_name("guard.py"))
# What a program needs to start, and nothing that is ours: no keys, no database address, no home of ours.
INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
CHUNK = 64 * 1024
END_SECONDS = 1.0
TOO_LARGE = f"the answer is larger than {ANSWER_LIMIT // 1024} KB"
_OURS = -32000

_lifelines: set[int] = set()


def _forget_lifelines() -> None:
    """A forked copy must not hold the pipes: its end of them would keep the children of a dead parent alive."""
    for end in _lifelines:
        with contextlib.suppress(OSError):
            os.close(end)
    _lifelines.clear()


on_fork.append(_forget_lifelines)


class StdioProcess:
    """One running program. One call at a time: `trip` is of the call that has it."""

    def __init__(self, process: asyncio.subprocess.Process, lifeline: int) -> None:
        self.process = process
        self.trip = Trip()
        self.broken = ""  # why it can be used no more
        self._lifeline = [lifeline]
        self._waiting: dict[Any, bool] = {}  # id of a request -> whether it is a call
        self._noise = 0

    @classmethod
    async def start(cls, command: Sequence[str], secrets: dict[str, str]) -> "StdioProcess":
        """Raises NotExecuted when there is no such program."""
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        if not command or shutil.which(command[0], path=environment.get("PATH")) is None:
            raise NotExecuted("unreachable", "the server's program is not installed here")
        theirs, ours = os.pipe()
        _lifelines.add(ours)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                GUARD,
                str(theirs),
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**environment, **secrets},
                cwd="/",
                start_new_session=True,
                pass_fds=(theirs,),
            )
        except OSError as error:
            _lifelines.discard(ours)
            os.close(ours)
            raise NotExecuted("unreachable", f"the server could not be started ({type(error).__name__})") from None
        finally:
            os.close(theirs)
        return cls(process, ours)

    @property
    def usable(self) -> bool:
        return not self.broken and self.process.returncode is None

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[tuple[Any, Any]]:
        """The transport that the SDK's client is given."""
        incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](16)
        write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
        async with incoming, read, write, outgoing, anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen, incoming)
            tasks.start_soon(self._speak, outgoing, incoming)
            tasks.start_soon(self._ignore_errors)
            try:
                yield read, write
            finally:
                tasks.cancel_scope.cancel()

    async def end(self, *, gently: bool) -> None:
        """End the program and everything it started; without `gently` at once. Bounded, and may be called again."""
        self.broken = self.broken or "ended"
        if gently and self.process.stdin and self.process.returncode is None:
            self.process.stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), END_SECONDS)
        self.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), END_SECONDS)

    def kill(self) -> None:
        """The whole process group, now."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        # Race: two threads end it at once. Who takes the number closes it; a second close could hit a later pipe.
        with contextlib.suppress(IndexError):
            end = self._lifeline.pop()
            _lifelines.discard(end)
            os.close(end)

    # -- what goes in and comes out ------------------------------------------------------------------------------

    async def _speak(self, outgoing: Any, incoming: Any) -> None:
        stdin = self.process.stdin
        assert stdin is not None  # noqa: S101 - started with pipes
        async for item in outgoing:
            message = item.message.model_dump(by_alias=True, mode="json", exclude_unset=True)
            identity, call = message.get("id"), message.get("method") == "tools/call"
            if call and not self.trip.begin():
                await self._answer(incoming, identity, "held back: this request was made already")
                continue
            if self.broken:
                if identity is not None:
                    await self._answer(incoming, identity, self.broken)
                continue
            if "method" in message and identity is not None:
                self._waiting[identity] = call
            if call:
                self._noise = 0
                self.trip.leaves()
            try:
                stdin.write(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                await stdin.drain()
            except OSError:
                await self._lose(incoming, "the server's process has ended")

    async def _listen(self, incoming: Any) -> None:
        stdout = self.process.stdout
        assert stdout is not None  # noqa: S101 - started with pipes
        rest = b""
        while chunk := await stdout.read(CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                await self._hear(incoming, line)
            if len(rest) > ANSWER_LIMIT:
                if rest.startswith(b"{"):
                    await self._lose(incoming, TOO_LARGE)
                # Not an answer: the rest of the line is skipped as it comes.
                self._noise += len(rest)
                rest = b"!"
            if self._noise > NOISE_LIMIT:
                await self._lose(incoming, "the server wrote too much beside an answer")
                self.kill()
                return
        await self._lose(incoming, "the server's process has ended")

    async def _hear(self, incoming: Any, line: bytes) -> None:
        """One line: a reply to what waits, or noise. A log line may well be JSON, but not JSON-RPC."""
        if b'"jsonrpc"' not in line or (b'"result"' not in line and b'"error"' not in line):
            self._noise += len(line) + 1
            return
        try:
            if len(line) > ANSWER_LIMIT:
                raise BadAnswer(TOO_LARGE)
            message = parse(line)
            if isinstance(message, dict) and "method" in message:
                return
            identity = self._meant(message)
            reply = reply_to(message, identity)
        except BadAnswer as bad:
            await self._lose(incoming, str(bad))
            return
        call = self._waiting.pop(identity, False)
        if call and "error" in reply:
            code = reply["error"].get("code")
            self.trip.error = (code, str(reply["error"].get("message", ""))) if type(code) is int else None
        await self._give(incoming, jsonrpc_message_adapter.validate_python(reply, by_name=False))

    def _meant(self, message: Any) -> Any:
        """The id of the waiting request that a reply names, or any that waits: then it is a wrong reply."""
        given = message.get("id") if isinstance(message, dict) else None
        waiting = [identity for identity in self._waiting if (type(identity), identity) == (type(given), given)]
        return next(iter(waiting or self._waiting), None)

    async def _ignore_errors(self) -> None:
        """Whatever the program says on stderr is read, so that it does not block, and dropped."""
        stderr = self.process.stderr
        while stderr is not None and await stderr.read(CHUNK):
            pass

    async def _lose(self, incoming: Any, problem: str) -> None:
        """No answer will come any more, to nothing that waits."""
        self.broken = self.broken or problem
        self.trip.fail(problem)
        for identity in list(self._waiting):
            del self._waiting[identity]
            await self._answer(incoming, identity, problem)

    async def _answer(self, incoming: Any, identity: Any, problem: str) -> None:
        error = ErrorData(code=_OURS, message=problem)
        await self._give(incoming, JSONRPCError(jsonrpc="2.0", id=identity, error=error))

    async def _give(self, incoming: Any, message: JSONRPCMessage) -> None:
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await incoming.send(SessionMessage(message))
