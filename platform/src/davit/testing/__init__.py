"""What every operator's tests use."""
