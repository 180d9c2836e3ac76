"""One door for the faces: it composes the rooms, and has what concerns a home as a whole."""
