//! What makes a chain of blocks: fork schedules and header rules.
