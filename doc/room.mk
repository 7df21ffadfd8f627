# doc: filled as the room is.
