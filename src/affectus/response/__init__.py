"""Dialogue → reply: what is felt is read, a feeling is chosen, reasons are given, and the reply is checked.

from affectus.response import Agent
reply = Agent().respond(dialogue)
reply.text, reply.intended.top, reply.reasons, reply.by
"""

from affectus.response.account import Account
from affectus.response.agent import Agent
from affectus.response.character import Character, load_character
from affectus.response.distress import Distress, distress
from affectus.response.guide import Guide
from affectus.response.log import ConversationLog
from affectus.response.records import record

__all__ = [
    "Account",
    "Agent",
    "Character",
    "ConversationLog",
    "Distress",
    "Guide",
    "distress",
    "load_character",
    "record",
]
