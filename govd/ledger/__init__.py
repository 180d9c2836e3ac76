"""The ledger: entries that are only ever added, hashed into a Merkle tree whose head is signed."""
