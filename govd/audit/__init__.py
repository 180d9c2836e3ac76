"""The operator's side of evidence: questions, log checkpoints, witnesses, bundles, key rotation. It
only reads what others did.
"""
