"""A model that does as its instructions say, where the demo's has fixed rules: so that versions can differ."""

import json

from agents.providers.base import ModelReply, ModelRequest, RequestedCall, Said, ToolResult, Usage
from supportagent.demo.offline_model import OfflineModel

GIVE_UP = "Give every customer who speaks of an order to a colleague at once."


class Moody(OfflineModel):
    """The demo's model, but for an agent that is told to give up."""

    def complete(self, request: ModelRequest) -> ModelReply:
        began = any(isinstance(item, ToolResult) for item in request.items)
        order = any("order" in item.text for item in request.items if isinstance(item, Said))
        if GIVE_UP not in request.instructions or began or not order:
            return super().complete(request)
        words = {"reason_code": "cannot_resolve", "summary": "A customer wrote.", "stated_reason": "told to"}
        call = RequestedCall(id="moody_1", name="tickets__escalate_to_human", arguments=json.dumps(words))
        usage = Usage(input_tokens=10, output_tokens=10)
        return ModelReply(
            "", (call,), usage, reasoning="", raw=None, finish="tool_calls", request_id="m", model="moody"
        )
