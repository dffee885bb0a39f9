"""A model server that keeps its own books: `python -m tests.race.provider SEED`.

It bills what it generates, whether or not anybody reads it: a stream that it cuts, an answer without a count, a caller
who is killed. Every request names its budgets in its instructions, so `GET /billed` answers with the micro-units that
were billed under each. It knows nothing of the product: its bill is its own arithmetic.
"""

import asyncio
import json
import random
import sys
from collections import Counter
from typing import Any

from tests.fake_openai import FakeOpenAI, Turn, chat_chunks, serve

INPUT_PRICE, OUTPUT_PRICE = 2_000_000, 5_000_000  # micro-units per million tokens
MODES = {"": 70, "cut": 12, "short": 4, "no-usage": 5, "stream-error": 4, "500": 2, "429": 3}


class Billing(FakeOpenAI):
    """Answers at random lengths, misbehaves at random, and counts."""

    def __init__(self, seed: int) -> None:
        super().__init__(keep_requests=False)
        self.dice = random.Random(seed)
        self.billed: Counter[int] = Counter()
        self.modes: Counter[str] = Counter()

    async def _answer(self, path: str, body: dict[str, Any], uid: str, writer: asyncio.StreamWriter) -> bool:
        if path.endswith("/billed"):
            return self._whole(json.dumps({"billed": self.billed, "modes": self.modes}).encode(), writer)
        (mode,) = self.dice.choices(list(MODES), weights=list(MODES.values()))
        self.modes[mode or "whole"] += 1
        if mode == "429":  # refused before anything was done: the one answer that costs nothing
            return self._refuse(mode, "retry-after-ms: 20\r\n", writer)
        instructions = body["messages"][0]["content"]
        # More than what this text takes in any tokenizer of English, and less than two bytes a token.
        tokens_in = sum(len(message["content"]) for message in body["messages"]) // 3 + 4
        most = body.get("max_tokens") or body["max_completion_tokens"]
        tokens_out = most if self.dice.random() < 0.2 else self.dice.randrange(1, most)
        billed = -(-(tokens_in * INPUT_PRICE + tokens_out * OUTPUT_PRICE) // 1_000_000)  # rounded up
        for budget in json.loads(instructions.partition("budgets:")[2]):
            self.billed[budget] += billed
        if mode == "500":
            return self._refuse(mode, "", writer)
        usage = None if mode == "no-usage" else (tokens_in, tokens_out)
        events = list(chat_chunks(Turn("Well, " * 12, usage=usage), "race", uid, body))
        for event in events:
            if event.get("usage"):
                event["usage"]["prompt_tokens_details"] = {"cached_tokens": 0}
        await asyncio.sleep(self.dice.uniform(0.01, 0.25))
        return await self._stream(events, mode, True, writer)


if __name__ == "__main__":
    asyncio.run(serve(Billing(int(sys.argv[1]))))
