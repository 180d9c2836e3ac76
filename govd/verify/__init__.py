"""What an auditor reads and trusts: bundles, proofs, claims, sentences, recomposed edits. No home,
no views, no database server.
"""
