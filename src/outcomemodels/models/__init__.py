"""Built-in models, one file each, registered like an outsider's."""
