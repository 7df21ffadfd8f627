# bench: filled as the room is.
