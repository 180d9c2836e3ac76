"""The tables of what is asked. `log` has a line for each entry, with the policy of a vote;
`records` has models, requests, revisions, … as JSON, each with a seal (`seals`); `terms` finds
records by what they name; `spans` says which revision was published from which entry on; `log.time`
is the greatest time up to that entry, so that it never goes back. The SQL views `requests`,
`revisions`, `votes`, `models`, `contributions` and `exports` are for people and their tools
(`sql`).
"""

from __future__ import annotations

from typing import Final

SCHEMA: Final = """
CREATE TABLE position (
  one INTEGER PRIMARY KEY CHECK (one = 0), version TEXT, origin TEXT, size INTEGER, last TEXT, live TEXT, seal BLOB
) STRICT;
CREATE TABLE log (
  seq INTEGER PRIMARY KEY, time TEXT, actor TEXT, kind TEXT, noun TEXT, subject TEXT, model TEXT, policy TEXT
) STRICT;
CREATE INDEX log_by_time ON log (time, seq);
CREATE INDEX log_by_actor ON log (actor, seq);
CREATE INDEX log_by_kind ON log (kind, seq);
CREATE INDEX log_by_noun ON log (noun, seq);
CREATE INDEX log_by_policy ON log (policy, seq) WHERE policy IS NOT NULL;
CREATE INDEX log_by_subject ON log (subject, seq);
CREATE INDEX log_by_model ON log (model, seq);
CREATE TABLE records (
  noun TEXT, key TEXT, model TEXT, state TEXT, live INTEGER, seq INTEGER, due TEXT, record TEXT, seal BLOB, PRIMARY KEY (noun, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_in_order ON records (noun, seq);
CREATE INDEX records_by_state ON records (noun, state, seq);
CREATE INDEX records_by_model ON records (noun, model, seq);
CREATE INDEX records_by_model_and_state ON records (noun, model, state, seq);
CREATE INDEX records_by_key ON records (noun, key, state);
CREATE INDEX records_live ON records (noun, seq) WHERE live;
CREATE TABLE terms (term TEXT, word TEXT, noun TEXT, key TEXT, PRIMARY KEY (term, word, noun, key)) STRICT, WITHOUT ROWID;
CREATE TABLE spans (model TEXT, start INTEGER, number INTEGER, PRIMARY KEY (model, start)) STRICT, WITHOUT ROWID;
CREATE VIEW requests AS SELECT key AS id, record ->> 'kind' AS kind, model, state, record ->> 'state_reason' AS state_reason,
  (SELECT group_concat(value ->> 'name', ', ') FROM json_each(record, '$.concepts')) AS concepts,
  (SELECT group_concat(value, ', ') FROM json_each(record, '$.domains')) AS domains, record ->> 'method' AS method,
  record ->> 'target' AS target, record ->> 'strength' AS strength, record ->> 'reason' AS reason, record ->> 'basis' AS basis,
  record ->> 'ticket' AS ticket, record ->> 'filed_at' AS filed_at, record ->> 'filed_by' AS filed_by, record ->> 'served_at' AS served_at,
  record ->> 'due_at' AS due_at, record ->> 'expires_at' AS expires_at, record ->> 'revision' AS revision,
  record ->> 'reverts' AS reverts, record ->> 'private' IS NOT NULL AS private, record ->> 'shredded_at' AS shredded_at,
  record ->> '$.held.at' AS held_since, record ->> 'contribution' AS contribution, seq AS entry FROM records WHERE noun = 'request';
CREATE VIEW revisions AS SELECT model, record ->> 'number' AS number, state, record ->> 'edit_digest' AS edit_digest,
  record ->> 'rank' AS rank, record ->> 'published_at' AS published_at, record ->> 'tree_size' AS tree_size,
  record ->> '$.metrics.forget_acc' AS forget_acc, record ->> '$.metrics.retain_acc' AS retain_acc,
  record ->> '$.metrics.retain_agreement' AS retain_agreement, seq AS entry FROM records WHERE noun = 'revision';
CREATE VIEW votes AS SELECT records.key AS request, records.model AS model, value ->> 'at' AS at, value ->> 'moment' AS moment,
  value ->> 'policy' AS policy, value ->> 'decision' AS decision, value ->> 'reason' AS reason
  FROM records, json_each(records.record, '$.votes') WHERE noun = 'request';
CREATE VIEW models AS SELECT key AS name, record ->> 'reference' AS reference, record ->> 'digest' AS digest,
  record ->> 'added_at' AS added_at, record ->> 'use' AS use, record ->> 'side' AS side FROM records WHERE noun = 'model';
CREATE VIEW contributions AS SELECT key AS digest, record ->> 'artifact' AS artifact, record ->> 'method' AS method
  FROM records WHERE noun = 'contribution';
CREATE VIEW exports AS SELECT model, record ->> 'revision' AS revision, record ->> 'format' AS format, record ->> 'recipient' AS recipient,
  record ->> 'at' AS at, record ->> 'by' AS by, seq AS entry FROM records WHERE noun = 'export';
"""
