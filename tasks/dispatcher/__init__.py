"""The small process that sees to what no single message can be trusted with."""
