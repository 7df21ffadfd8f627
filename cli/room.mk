# cli: filled as the room is.
