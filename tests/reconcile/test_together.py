"""What is filed together, or while others are decided, is served by one revision."""

from govd.hookspecs import hookimpl
from govd.requests import ForgetOptions
from govd.service.service import Service
from govd.types import Record


class Filing:
    """Files blue while red is decided, and pink while blue is."""

    def __init__(self, service: Service) -> None:
        self.service, self.left = service, ["blue", "pink"]

    @hookimpl
    def govd_vote(self, moment: str, request: Record) -> None:
        if moment == "filed" and self.left:
            options = ForgetOptions(concepts=(self.left.pop(0),))
            self.service.requests.forget("m", options, "ann")


def test_what_is_filed_while_others_are_decided_waits_for_no_further_revision(
    service: Service,
) -> None:
    service.core.plugins.manager.register(Filing(service), "filing")
    service.requests.forget("m", ForgetOptions(concepts=("red",)), "ann")
    service.reconciler.run()
    (revision,) = service.revisions("m")
    assert len(revision["requests"]) == 3
    assert {str(r.state) for r in service.core.desk.views.requests()} == {"in_force"}
