"""Lists of what to do and folders of what came of it: ``farm batch`` and ``farm shots``."""
