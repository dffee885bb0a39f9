"""The refund workflow in LangGraph with its PostgreSQL checkpointer. Runs in the peers' own virtual environment.

    python langgraph_refund.py MODEL_ADDRESS DATABASE_URL

One command per line on standard input (`sequential 20`, `flight 64 128`), one JSON object with the figures per
command on standard output. Nothing of ours is imported: an agent as the library's own guide builds it, with
an interrupt before the refund and durability as it comes (`async`). It audits, budgets and pushes nothing.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

from langchain_core.messages import SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

INSTRUCTIONS = "You help the customers of a shop. Read before you act; a colleague approves every refund. " * 10
TURNS = 4  # model calls of one workflow: the unit of "a step"


@tool
def store__get_customer(stated_reason: str) -> str:
    """Read the contact details of the customer you are talking to."""
    return json.dumps({"reference": "CUS-1001", "name": "Ana Martins", "email": "ana.martins@example.com"})


@tool
def store__get_order(order_id: str, stated_reason: str) -> str:
    """Read one of this customer's orders: status, items, money paid and refunded."""
    return json.dumps({"order_id": order_id, "status": "delivered", "currency": "EUR", "refundable_minor": 8400})


@tool
def store__issue_refund(order_id: str, amount_minor: int, currency: str, stated_reason: str) -> str:
    """Give money back to the customer on the payment method the order was paid with."""
    return json.dumps({"refund_id": f"RF-{order_id}", "status": "issued", "amount_minor": amount_minor})


TOOLS = {one.name: one for one in (store__get_customer, store__get_order, store__issue_refund)}


def build(address: str, saver: AsyncPostgresSaver) -> Any:
    """Agent and tools in turn, until the model answers with text alone."""
    model = ChatOpenAI(model="fake", base_url=address, api_key="none", max_retries=0)
    bound = model.bind_tools(list(TOOLS.values()))

    async def agent(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await bound.ainvoke([SystemMessage(INSTRUCTIONS), *state["messages"]])]}

    async def tools(state: MessagesState) -> dict[str, Any]:
        results = []
        for call in state["messages"][-1].tool_calls:
            if call["name"] == "store__issue_refund" and not interrupt(call)["approved"]:
                results.append(ToolMessage("rejected", tool_call_id=call["id"]))
                continue
            answer = await TOOLS[call["name"]].ainvoke(call["args"])
            results.append(ToolMessage(answer, tool_call_id=call["id"]))
        return {"messages": results}

    graph = StateGraph(MessagesState)
    graph.add_node("agent", agent)
    graph.add_node("tools", tools)
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", lambda state: "tools" if state["messages"][-1].tool_calls else END)
    graph.add_edge("tools", "agent")
    return graph.compile(checkpointer=saver)


async def workflow(graph: Any, number: int) -> None:
    """A message, two reads, the pause before the refund, the approval, the answer."""
    where = {"configurable": {"thread_id": str(number)}}
    said = {"role": "user", "content": f"Please refund ORD-{number}, it arrived broken."}
    paused = await graph.ainvoke({"messages": [said]}, where)
    assert "__interrupt__" in paused, paused
    done = await graph.ainvoke(Command(resume={"approved": True}), where)
    assert "issued" in done["messages"][-1].content, done


async def sequential(graph: Any, numbers: Iterator[int], workflows: int) -> dict[str, float]:
    """One workflow at a time: what a step costs this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(workflows):
        await workflow(graph, next(numbers))
    steps = workflows * TURNS
    return {
        "cpu": (time.process_time() - cpu) / steps * 1e3,
        "wall": (time.perf_counter() - wall) / steps * 1e3,
        "turns": TURNS,
    }


async def flight(graph: Any, numbers: Iterator[int], at_once: int, workflows: int) -> dict[str, float]:
    """So many workflows under way at a time: how many are through per second."""
    cpu, wall = time.process_time(), time.perf_counter()

    async def one_after_another() -> None:
        for _ in range(workflows // at_once):
            await workflow(graph, next(numbers))

    await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    spent, took = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": spent / workflows / TURNS * 1e3, "per_second": workflows / took, "turns": TURNS}


async def main(address: str, database: str) -> None:
    settings = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(database, min_size=4, max_size=20, timeout=300, kwargs=settings) as pool:
        saver = AsyncPostgresSaver(pool)
        await saver.setup()
        graph, numbers = build(address, saver), count(1000)
        answers = {"sequential": sequential, "flight": flight}
        while line := await asyncio.to_thread(sys.stdin.readline):
            what, *amounts = line.split()
            print(json.dumps(await answers[what](graph, numbers, *map(int, amounts))), flush=True)  # noqa: T201 - who started it reads this


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
