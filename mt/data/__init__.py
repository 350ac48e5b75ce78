"""Files to pairs to a prepared store to batches; importing this loads nothing."""
