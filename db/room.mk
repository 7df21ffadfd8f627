# db: filled as the room is.
