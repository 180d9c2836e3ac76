"""Two examples for each command, shown at the end of its `--help`."""

from __future__ import annotations

from typing import Final

EXAMPLES: Final[dict[str, tuple[str, str]]] = {
    "demo": ("govd demo", "govd demo --home ~/govd-demo --report story.html"),
    "serve": (
        "govd serve",
        "govd serve --host 0.0.0.0 --port 8765 --allow-host govd.example.org",
    ),
    "status": (
        "govd status",
        "GOVD_URL=http://127.0.0.1:8765 GOVD_TOKEN=… govd status --json",
    ),
    "doctor": ("govd doctor", "govd doctor --home /var/lib/govd --json"),
    "forget": (
        'govd forget dog --model mini --alias puppy --reason "letter of 3 May" --ticket LEGAL-12',
        "govd forget dog --model mini --criterion 'named<=0.01' --criterion 'cost<=2%'",
    ),
    "preview": (
        "govd preview umbrella --domain line --model mini",
        "govd preview --revert 3fa2",
    ),
    "revert": (
        'govd revert 3fa2 --reason "licence renewed"',
        'govd revert 3fa2 --reason "filed by mistake" --wait --json',
    ),
    "export": (
        "govd export mini ./edited",
        "govd export mini ./edit --format edit --revision 3",
    ),
    "classify": (
        "govd classify mini photo.jpg",
        "govd classify mini *.png --labels dog,cat,house --base --json",
    ),
    "rank": (
        'govd rank mini *.png --text "a red dog" --top 5',
        'govd rank mini photo.jpg --by image --text "a dog" --text "a cat" --json',
    ),
    "evaluate": (
        "govd evaluate mini --report report.html",
        "govd evaluate mini --images ./evaluation --base --json",
    ),
    "policy add": (
        "govd policy add two-people.yaml",
        "govd policy add --ready two-people --set cost=0.02 --set role=legal",
    ),
    "policy list": ("govd policy list", "govd policy list --ready"),
    "policy show": (
        "govd policy show two-people",
        "govd policy show two-people --json",
    ),
    "policy inputs": ("govd policy inputs filed", "govd policy inputs gate --json"),
    "policy test": (
        "govd policy test two-people --since 2027-01-01",
        "govd policy test drafts/two-people.yaml --format csv",
    ),
    "policy report": (
        "govd policy report two-people",
        "govd policy report two-people --json",
    ),
    "policy enforce": (
        "govd policy enforce two-people --report 5d0c2f1e9a7b",
        'govd policy enforce two-people --force --reason "court order of 3 May"',
    ),
    "policy shadow": (
        'govd policy shadow two-people --reason "too strict"',
        'govd policy shadow two-people --reason "too strict" --json',
    ),
    "policy disable": (
        'govd policy disable two-people --reason "superseded"',
        'govd policy disable two-people --reason "superseded" --json',
    ),
    "policy replay": (
        "govd policy replay",
        "govd policy replay --since 2027-01-01 --json",
    ),
    "policy explain": ("govd policy explain 3fa2", "govd policy explain 3fa2 --json"),
    "policy freeze": (
        'govd policy freeze --reason "incident 7"',
        'govd policy freeze --reason "incident 7" --json',
    ),
    "policy unfreeze": (
        "govd policy unfreeze",
        'govd policy unfreeze --reason "all is well"',
    ),
    "reconcile": ("govd reconcile", "govd reconcile --home /var/lib/govd --json"),
    "config": ("govd config", "govd config --home /var/lib/govd --json"),
    "backup": (
        "govd backup /mnt/backup/govd-2027-05-01.zip",
        "govd backup today.zip --home /var/lib/govd",
    ),
    "restore": (
        "govd restore govd-2027-05-01.zip --home ./restored",
        "govd restore today.zip --json",
    ),
    "model add": (
        (
            "govd model add shop ./checkpoint --labels labels.txt --domains photo,sketch --pool"
            " vectors.npy"
        ),
        "govd model add vit openai/clip-vit-base-patch32 --use open --publish-to /srv/model",
    ),
    "model list": ("govd model list", "govd model list --json"),
    "model show": ("govd model show mini", "govd model show mini --json"),
    "model labels": ("govd model labels mini", "govd model labels mini --json"),
    "model update": (
        "govd model update shop --labels labels.txt",
        "govd model update shop --pool new-vectors.npy --publish-to /srv/model",
    ),
    "model rebase": (
        "govd model rebase shop ./checkpoint-2",
        "govd model rebase vit openai/clip-vit-base-patch16 --pool vectors-16.npy",
    ),
    "model remove": ("govd model remove shop", "govd model remove shop --json"),
    "request list": (
        "govd request list --state waiting",
        "govd request list --ticket LEGAL-12 --since 2027-01-01 --format csv",
    ),
    "request show": (
        "govd request show 3fa2",
        "govd request show 3fa2 --pictures ./synthesised",
    ),
    "request approve": (
        'govd request approve 3fa2 --reason "seen, cost accepted"',
        "govd request approve 3fa2 --json",
    ),
    "request reject": (
        'govd request reject 3fa2 --reason "no legal basis"',
        'govd request reject 3fa2 --reason "duplicate" --json',
    ),
    "request withdraw": (
        'govd request withdraw 3fa2 --reason "typo"',
        "govd request withdraw 3fa2 --json",
    ),
    "request retry": (
        "govd request retry 3fa2",
        'govd request retry 3fa2 --reason "disk freed"',
    ),
    "request hold": (
        'govd request hold 3fa2 --reason "litigation 4 O 17/27"',
        'govd request hold 3fa2 --reason "audit" --json',
    ),
    "request release": (
        'govd request release 3fa2 --reason "case closed"',
        'govd request release 3fa2 --reason "audit done" --json',
    ),
    "request extend": (
        'govd request extend 3fa2 --due 2027-07-01 --reason "rights are unclear"',
        'govd request extend 3fa2 --due 2027-07-01T12:00:00Z --reason "holidays" --json',
    ),
    "request criteria": (
        "govd request criteria 3fa2 --set 'cost<=0.03' --reason \"accepted by product\"",
        'govd request criteria 3fa2 --drop worst_cell --reason "too few pictures" --json',
    ),
    "request shred": (
        'govd request shred 3fa2 --reason "erasure request"',
        'govd request shred 3fa2 --reason "erasure request" --yes',
    ),
    "revision list": (
        "govd revision list --model mini",
        "govd revision list --model mini --json",
    ),
    "revision show": (
        "govd revision show mini 3",
        "govd revision show --model mini 3 --all",
    ),
    "revision diff": (
        "govd revision diff mini 2 3",
        "govd revision diff mini 2 3 --json",
    ),
    "revision manifest": (
        "govd revision manifest mini",
        "govd revision manifest mini 3 --json",
    ),
    "revision interference": (
        "govd revision interference mini",
        "govd revision interference mini 3 --json",
    ),
    "audit log": (
        "govd audit log --since 2027-05-01 --kind request",
        "govd audit log --subject 3fa2 --format ndjson --limit 1000",
    ),
    "audit trail": ("govd audit trail 3fa2", "govd audit trail 3fa2 --format csv"),
    "audit as-of": (
        "govd audit as-of 2027-05-01",
        "govd audit as-of 2027-05-01T12:00:00Z --model mini --bundle then.zip",
    ),
    "audit why": ("govd audit why mini 7", "govd audit why mini 7 --format csv"),
    "audit deadlines": (
        "govd audit deadlines",
        "govd audit deadlines --status late --days 30 --format csv",
    ),
    "audit predictions": (
        "govd audit predictions --model mini",
        "govd audit predictions --since 2027-05-01 --format csv",
    ),
    "audit sql": (
        (
            "govd audit sql \"SELECT method, count(*) FROM requests WHERE state = 'in_force' GROUP"
            ' BY 1"'
        ),
        'govd audit sql "SELECT * FROM revisions" --format csv',
    ),
    "audit answer": ("govd audit answer 9b1c0f", "govd audit answer 9b1c0f --json"),
    "audit checkpoint": (
        "govd audit checkpoint > kept",
        "govd audit checkpoint --size 100",
    ),
    "audit consistency": (
        "govd audit consistency 40",
        "govd audit consistency 40 100 --json",
    ),
    "audit proof": ("govd audit proof 12", "govd audit proof 12 --size 100 --json"),
    "audit key": ("govd audit key", "govd audit key --json"),
    "audit model-key": (
        "govd audit model-key > models.pem",
        "govd audit model-key --json",
    ),
    "audit verify": (
        "govd audit verify evidence.zip --key KEY --recompute",
        "govd audit verify ./edited --key KEY",
    ),
    "audit bundle": (
        "govd audit bundle evidence.zip --request 3fa2",
        "govd audit bundle evidence.zip --revision mini 7",
    ),
    "audit rebuild": ("govd audit rebuild", "govd audit rebuild --json"),
    "audit witness": ("govd audit witness", "govd audit witness --json"),
    "audit rotate-key": (
        'govd audit rotate-key --reason "yearly"',
        'govd audit rotate-key --reason "staff change" --json',
    ),
    "feed add": (
        "govd feed add nightly file:///srv/lists --model mini --missing revert",
        "govd feed add legal https://lists.example.org/names.csv --every 24h --secret-file token",
    ),
    "feed list": ("govd feed list", "govd feed list --json"),
    "feed show": ("govd feed show nightly", "govd feed show nightly --json"),
    "feed run": ("govd feed run nightly", "govd feed run nightly --json"),
    "feed disable": ("govd feed disable nightly", "govd feed disable nightly --json"),
    "feed enable": ("govd feed enable nightly", "govd feed enable nightly --json"),
    "feed history": (
        "govd feed history nightly",
        "govd feed history nightly 7 --format csv",
    ),
    "feed release": (
        'govd feed release nightly 7 --reason "a whole catalogue, as announced"',
        'govd feed release nightly 7 --reason "seen" --json',
    ),
    "feed reject": (
        'govd feed reject nightly 7 --reason "the export was cut off"',
        'govd feed reject nightly 7 --reason "a test" --json',
    ),
    "store add": (
        "govd store add shop /data/vectors.npy --model mini --stamp-as base",
        "govd store add web file:///data/web.npy --model mini --follow",
    ),
    "store list": ("govd store list", "govd store list --json"),
    "store show": ("govd store show shop", "govd store show shop --json"),
    "store find": (
        "govd store find dog shop --whole",
        'govd store find "" shop --example dog.png --limit 100 --json',
    ),
    "store patch": ("govd store patch shop --dry-run", "govd store patch shop --base"),
    "store verify": ("govd store verify shop", "govd store verify shop --json"),
    "store purge": (
        'govd store purge shop --reason "originals may not be kept"',
        'govd store purge shop --reason "end of project" --json',
    ),
    "store remove": (
        'govd store remove shop --reason "moved"',
        'govd store remove shop --reason "moved" --json',
    ),
    "token create": (
        "govd token create --role operator --name ann-laptop --principal ann --expires 2027-12-31",
        "govd token create --role inference --name shop-frontend --model shop --json",
    ),
    "principal add": (
        "govd principal add ann --role legal --role operator",
        'govd principal add bob --role brand --reason "joined in May" --json',
    ),
    "principal list": ("govd principal list", "govd principal list --json"),
    "principal show": ("govd principal show ann", "govd principal show ann --json"),
    "principal update": (
        "govd principal update ann --role legal",
        'govd principal update ann --role legal --role brand --reason "covers for brand"',
    ),
    "principal remove": (
        'govd principal remove ann --reason "left in June"',
        "govd principal remove ann --json",
    ),
    "principal delegate": (
        "govd principal delegate ann --to bob --until 2027-08-31",
        'govd principal delegate ann --to bob --until 2027-08-31 --reason "holidays"',
    ),
    "principal undelegate": (
        "govd principal undelegate ann --to bob",
        'govd principal undelegate ann --to bob --reason "back early"',
    ),
    "token list": ("govd token list", "govd token list --json"),
    "notice add": (
        "govd notice add https://hooks.example.org/govd --on request.wait --on deadline",
        "govd notice add legal mailto:legal@example.org --on 'request.*,expiry' --days 30,7,1",
    ),
    "notice list": ("govd notice list", "govd notice list --json"),
    "notice history": (
        "govd notice history",
        "govd notice history legal --limit 100 --format csv",
    ),
    "notice retry": (
        "govd notice retry hooks.example.org",
        "govd notice retry msg_5d1e0c31f2a94e6b8c7d --json",
    ),
    "notice test": (
        "govd notice test legal",
        "govd notice test hooks.example.org --json",
    ),
    "notice secret": (
        "govd notice secret hooks.example.org",
        "govd notice secret hooks.example.org --secret-file ./secret --json",
    ),
    "notice remove": ("govd notice remove legal", "govd notice remove legal --json"),
    "token revoke": ("govd token revoke 5d1e", "govd token revoke 5d1e --json"),
}


def epilog(path: str) -> str | None:
    """The examples of a command as paragraphs; None where it has none."""
    lines = EXAMPLES.get(path)
    return (
        None
        if lines is None
        else "Examples:\n\n" + "\n\n".join(line.replace("[", r"\[") for line in lines)
    )
