"""What standard MCP servers offer beyond bare calls: each room adds one feature to the client."""
