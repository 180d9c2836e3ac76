"""`vector-unforget` on a case, in a process and an environment of its own: python
run_vector_unforget.py CASE.npz MOVED.npy

Each forgotten label's text is projected out as the library's own example does it, one after the
other.
"""

import sys

import numpy as np
from vector_unforget.subspace_projection import SubspaceProjector

case = np.load(sys.argv[1])
moved = case["x"].astype(np.float32)
projector = SubspaceProjector(device="cpu")
for label in case["forgotten"]:
    moved = projector.project_matrix_orthogonal(
        moved, case["labels"][label].astype(np.float32), normalize=True
    )
np.save(sys.argv[2], moved)
