"""The knowledge base's part of the audit vocabulary; that an article changed is an entry like any configuration's."""

from audit.actions import register

register("knowledge.gap.settled", "A person said what answers a question that found no article, or that none is to")
