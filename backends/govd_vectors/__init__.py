"""Models that are only vectors: texts and pictures that somebody embedded elsewhere. NumPy
alone.
"""
