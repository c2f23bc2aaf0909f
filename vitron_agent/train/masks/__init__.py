"""Learning to outline: pictures with known masks, simulated prompts, and photos made by pasting."""
