"""What a sound molecular dynamics run is."""
