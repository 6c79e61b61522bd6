"""Stand-ins for provider plugins that cannot be downloaded: they speak the plugin protocol, for local use only."""
