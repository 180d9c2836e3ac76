"""What the entries come to, kept in tables that can be rebuilt; questions to them; the desk at
which entries are appended.
"""
