"""One file a node; each is made by a function from :class:`Services` to the coroutine that LangGraph runs."""
