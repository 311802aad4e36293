"""Owns the comparison of what the rivals of bench/rivals/run.sh answered with the exact answer of plain SQL: the same days and turns, and how far off the
percentiles and the distinct sessions are.

    agree.py FOLDER        prints `NAME<TAB>p95 / sessions` of the largest errors; ends with 1 where a rival answered something else
"""

import csv
import sys
from pathlib import Path

answers = {path.name.split(".")[1]: list(csv.reader(path.open())) for path in sorted(Path(sys.argv[1]).glob("answer.*.csv"))}
exact = answers.pop("events")
if not exact or not answers:
    sys.exit(f"bench/rivals: plain SQL answered {len(exact)} days, and {len(answers)} rivals answered")
for name, rows in answers.items():
    if [row[:2] for row in rows] != [row[:2] for row in exact]:
        sys.exit(f"bench/rivals: {name} has other days or turns than plain SQL: {rows[:2]} for {exact[:2]}")
    errors = [max(abs(float(row[i]) / float(true[i]) - 1) for row, true in zip(rows, exact)) for i in (2, 3)]
    print(f"{name}\t{errors[0]:.1%} / {errors[1]:.1%}")
    # A sketch may be a tenth off; who is further off was asked another question.
    if max(errors) > 0.15:
        sys.exit(f"bench/rivals: {name} is further than 15 % from the exact answer")
