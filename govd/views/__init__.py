"""What the entries come to, kept in tables that can be made anew; questions to them; the desk at
which entries are appended.
"""
