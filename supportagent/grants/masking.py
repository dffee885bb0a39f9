"""Keep what went wrong inside from whoever called: the SDK tells a client of the older era the text of an exception."""

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR

logger = logging.getLogger(__name__)

T = TypeVar("T")


def masked(handler: Callable[[Any, Any], Awaitable[T]]) -> Callable[[Any, Any], Awaitable[T]]:
    """The handler, whose failures are logged here and an "Internal error" to the client. An MCPError is an answer."""

    @functools.wraps(handler)
    async def guarded(context: Any, params: Any) -> T:
        try:
            return await handler(context, params)
        except MCPError:
            raise
        except Exception as error:
            logger.exception("%s failed", context.method)
            raise MCPError(INTERNAL_ERROR, "Internal error") from error

    return guarded
