"""From a recipe to a model: the loop, what it minimises, and what it leaves on disk."""
