"""Dialogue → reply: what is felt is read, a feeling is chosen, reasons are given, and the reply is checked.

from affectus.response import Agent
reply = Agent().respond(dialogue)
reply.text, reply.intended.top, reply.reasons, reply.by
"""

from affectus.response.agent import Agent
from affectus.response.character import Character, load_character
from affectus.response.distress import Distress, distress
from affectus.response.log import ConversationLog
from affectus.response.records import record

__all__ = ["Agent", "Character", "ConversationLog", "Distress", "distress", "load_character", "record"]
