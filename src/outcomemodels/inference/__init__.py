"""From a design and a model to a posterior tree, and from a tree to predictions."""
