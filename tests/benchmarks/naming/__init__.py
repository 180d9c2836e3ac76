"""What counts as the concept: pictures in the place of a name, other words for it, and a part of a
class that stays.
"""
