"""Reading the knowledge base. No article is written here: what customers say never becomes knowledge by itself.

A question that finds nothing is noted for people, who may write the article that is missing.
"""

from supportagent.grants.server import CallContext, DomainServer, Result
from supportagent.knowledge import gaps
from supportagent.knowledge.search import search_articles as find

server = DomainServer("knowledge", title="Knowledge base")


@server.tool(
    effect="READ",
    permission="knowledge.view_article",
    schema={
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "minLength": 2,
                "maxLength": 300,
                "description": "A few words of what is asked, for example: return period opened item.",
            },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": 5,
                "description": "How many articles; 3 if left out.",
            },
        },
        "required": ["query"],
        "additionalProperties": False,
    },
)
def search_articles(call: CallContext, *, query: str, limit: int = 3) -> Result:
    """Search the shop's published help articles: policies, shipping, products, the Brew app.

    Returns the best first, each with the passage that fits best and the whole text. Answer questions about
    policy and products from these articles only. An empty list means that the shop has nothing written on it:
    say so, do not guess.
    """
    hits = find(actor=call.actor, query_text=query, limit=limit)
    gaps.note(query_text=query, found=[hit.article for hit in hits], call_key=call.key)
    articles = [
        {
            "slug": hit.article.slug,
            "title": hit.article.title,
            "updated": hit.article.updated_at.date().isoformat(),
            "excerpt": hit.excerpt,
            "body": hit.article.body,
        }
        for hit in hits
    ]
    return Result({"articles": articles}, [f"article:{hit.article.slug}" for hit in hits])
