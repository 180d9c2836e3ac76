"""Who is told of entries, beside the work and never in its way.

What is still to be told is read from the ledger each time: the entries after the last one that a
receiver was told of. So a crash loses nothing, and what was sent without its entry is sent again
with the same id.

`receivers`: adding, removing, asking again, history; the door of the room. `options`: what is said
of a new one. `addresses`: where a notice may go. `kept`: secrets and whole addresses, beside the
ledger. `signing`: signatures of webhooks, and how a receiver checks them. `due`: what is still to
be told to one receiver, with `deadlines` for dates that come near. `message`: what a notice says to
a program, `words` to a person. `webhook`, `mail`: one attempt, within `watch`'s time; `outcome`:
what came of it. `attempts`: pauses between them. `sending`: the threads, and what becomes an entry.
`examining`: what `govd doctor` sees of it all.
"""
