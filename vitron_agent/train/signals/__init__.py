"""Stage 3 in the embedded profile: what the words of a step mean to grounding, learned from the frozen LLM's states."""
