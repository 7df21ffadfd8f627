# tests: filled as the room is.
