"""Word, Excel, charts and French typography."""
