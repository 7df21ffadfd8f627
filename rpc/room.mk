# rpc: filled as the room is.
