# mountd: filled as the room is.
