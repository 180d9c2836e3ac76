"""What forgets add: computed, stored, composed to one edit, and predicted. Both who files
(`requests`) and who publishes (`reconcile`) ask here; nothing here knows either.
"""

from govd.contributions.contributions import Contributions

__all__ = ["Contributions"]
