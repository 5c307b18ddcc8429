"""Copies the newest recording's row until there are so many; each copy a minute older, with a number of its own.

The copies have no files: what is measured is the list and the search.
"""

import hashlib
import os
import sqlite3
import sys

index, wanted = sys.argv[1], int(sys.argv[2])
db = sqlite3.connect(index, isolation_level=None)
db.execute("BEGIN")
columns = [name for _, name, *_ in db.execute("PRAGMA table_info(recording)")]
generated = {row[1] for row in db.execute("PRAGMA table_xinfo(recording)") if row[6] > 1}
names = [name for name in columns if name not in generated]
first = dict(zip(names, db.execute(f"SELECT {', '.join(names)} FROM recording ORDER BY ident DESC LIMIT 1").fetchone()))
parties = db.execute("SELECT place, name, address, stream FROM recording_party WHERE recording = ?", (first["ident"],)).fetchall()
rows, numbers, others = [], [], []
for copy in range(1, wanted):
    key = hashlib.sha256(str(copy).encode()).digest()
    ident = first["ident"] + copy
    back = copy * 60_000_000_000
    number = f"+1555{copy:07}"
    row = dict(first, ident=ident, id=key[:16], call_id=key[16:], digest=key, file=f"recordings/none/{copy}.rec", ani=number)
    row["started_ns"] -= back
    row["ended_ns"] -= back
    # The order of lists: milliseconds times 1,024.
    row["moment"] -= back // 1_000_000 * 1_024
    rows.append([row[name] for name in names])
    numbers.append((number[:0:-1], ident))
    others.extend((ident, *party) for party in parties)
db.executemany(f"INSERT INTO recording ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", rows)
db.executemany("INSERT INTO recording_number (reversed, recording) VALUES (?, ?)", numbers)
db.executemany("INSERT INTO recording_party (recording, place, name, address, stream) VALUES (?, ?, ?, ?, ?)", others)
db.execute("COMMIT")
print(db.execute("SELECT count(*) FROM recording").fetchone()[0], os.path.getsize(index))
