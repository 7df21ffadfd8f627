# import: filled as the room is.
