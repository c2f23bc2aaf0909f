"""What a model that sees learns before its LLM reads along: where things are, and what they are called."""
