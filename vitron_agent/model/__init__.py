"""Networks and their weights: encoders, the planner LLM, constrained decoding."""
