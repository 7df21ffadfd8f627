# tree: filled as the room is.
