"""What connectors to object stores share: keys as paths, reading ahead in ranges, checksums, trust in certificates."""
