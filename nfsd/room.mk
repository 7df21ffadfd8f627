# nfsd: filled as the room is.
