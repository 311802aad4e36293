# Owns a second oracle of core::privacy, for tables with many small cells: a lower bound of the cells that any safe pattern hides, by cuts and HiGHS.
"""Writes tables of up to 200 cells, each with the fewest further cells, or a bound below that where HiGHS does not end in time.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install scipy==1.17.1 highspy==1.16.0
    /tmp/oracles/bin/python core/tests/oracles/suppression_cuts.py SEED TABLES SECONDS | grep '=$' > tables.tsv
    cargo run --release -p tally-core --example suppress_price tables.tsv

    /tmp/oracles/bin/python core/tests/oracles/suppression_cuts.py tables.tsv SECONDS

The last one asks of tables to which a further column was added, how many cells a pattern hides for others, whether there is a pattern of two fewer.

A line is one of suppression.tsv and "=" or ">=". suppression_cuts.tsv holds lines with "=" of seeds 1 (7 tables, 40 s) and 77 (27 tables, 25 s), which
take tally_core less than a second each. The cuts are those of M. Fischetti, J. J. Salazar-González (2001): the dual of what a reader can conclude.
"""
import json
import math
import random
import sys
import time

import highspy
import numpy as np
from suppression import K, flat, table, tree

# How far a cell may grow, in units of what the small cell needs.
FAR = 1000.0
INF = highspy.kHighsInf


def solver():
    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    h.setOptionValue("threads", 1)
    return h


def row(h, low, high, terms):
    h.addRow(low, high, len(terms), np.array([v for v, _ in terms], dtype=np.int32), np.array([w for _, w in terms]))


class Reader:
    """What a reader can conclude of one small cell: the dual of the greatest deviation that hidden cells allow."""

    def __init__(self, people, relations, goal):
        self.people, self.rows, self.need, self.h = people, len(relations), K - people[goal], solver()
        for _ in relations:
            self.h.addVar(-INF, INF)
        columns = [[] for _ in people]
        for r, (total, parts) in enumerate(relations):
            columns[total].append((r, 1.0))
            for part in parts:
                columns[part].append((r, -1.0))
        for c in range(len(people)):
            self.h.addVar(0, INF)
            self.h.addVar(0, INF)
        for c, column in enumerate(columns):
            at = self.rows + 2 * c
            row(self.h, float(c == goal), float(c == goal), column + [(at, 1.0), (at + 1, -1.0)])

    def cut(self, share, small):
        room = [(0, 0) if n == 0 else (FAR, (n - 1) / self.need) for n in self.people]
        for c, (up, down) in enumerate(room):
            self.h.changeColCost(self.rows + 2 * c, up * share[c] + 1e-6)
            self.h.changeColCost(self.rows + 2 * c + 1, down * share[c] + 1e-6)
        self.h.run()
        if self.h.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        value, left, weights = self.h.getSolution().col_value, 1.0, {}
        for c, (up, down) in enumerate(room):
            weight = up * value[self.rows + 2 * c] + down * value[self.rows + 2 * c + 1]
            if small[c]:
                left -= weight
            elif weight > 1e-9:
                weights[c] = weight
        if left <= 1e-7:
            return None
        weights = {c: min(1.0, w / left) for c, w in weights.items()}
        return weights if sum(w * share[c] for c, w in weights.items()) < 1 - 1e-6 else None


def fewest(people, relations, seconds, most=None):
    """The fewest cells and "=", or a bound and ">="; with most: "none" where no pattern has so few, that is shown sooner."""
    small = [0 < n < K for n in people]
    others = [c for c, n in enumerate(people) if n >= K]
    place = {c: i for i, c in enumerate(others)}
    readers = [Reader(people, relations, c) for c in range(len(people)) if small[c]]
    master, started = solver(), time.time()
    for i in range(len(others)):
        master.addVar(0, 1)
        master.changeColCost(i, 1.0)

    if most is not None:
        row(master, -INF, most, [(i, 1.0) for i in range(len(others))])
        # No cell is hidden alone in a sum: its number would follow, so it can as well be published.
        for total, parts in relations:
            cells = [c for c in [total] + parts if people[c] > 0]
            if not any(small[c] for c in cells):
                for cell in cells:
                    row(master, 0, INF, [(place[c], -1.0 if c == cell else 1.0) for c in cells])
    nothing = highspy.HighsModelStatus.kInfeasible

    def more_cuts(whole):
        value = master.getSolution().col_value
        share = [float(s) for s in small]
        for c in others:
            share[c] = float(round(value[place[c]])) if whole else min(1.0, max(0.0, value[place[c]]))
        found = [w for w in (r.cut(share, small) for r in readers) if w]
        for w in found:
            row(master, 1.0, INF, [(place[c], x) for c, x in w.items()])
        return bool(found)

    bound = 0
    while time.time() - started < seconds:
        master.run()
        if master.getModelStatus() == nothing:
            return most, "none"
        bound = max(bound, math.ceil(master.getInfo().objective_function_value - 1e-6))
        if not more_cuts(False):
            break
    for i in range(len(others)):
        master.changeColIntegrality(i, highspy.HighsVarType.kInteger)
    while (left := seconds - (time.time() - started)) > 1:
        master.setOptionValue("time_limit", left + master.getRunTime())
        master.setOptionValue("mip_abs_gap", 0.99)
        master.run()
        if master.getModelStatus() == nothing:
            return most, "none"
        bound = max(bound, math.ceil(master.getInfo().mip_dual_bound - 1e-6))
        if master.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            break
        if not more_cuts(True):
            return bound, "="
    return bound, ">="


def main(seed, tables, seconds):
    dice = random.Random(seed)
    r, chance = dice.randint, dice.random
    kinds = [
        lambda: 0 if chance() < 0.1 else r(1, 12) if chance() < 0.2 else r(10, 210),
        lambda: 0 if chance() < 0.3 else int(dice.lognormvariate(2.5, 1.3)),
        lambda: 0 if chance() < 0.1 else int(dice.lognormvariate(3, 1.5)),
        lambda: r(1, 9) if chance() < 0.06 else r(10, 60),
        lambda: 0 if chance() < 0.15 else r(1, 20),
        lambda: r(7, 14),
        lambda: r(1, 9) if chance() < 0.12 else r(10, 1000),
    ]
    groups = lambda most, few, many: [r(1, most) for _ in range(r(few, many))]
    shapes = [
        ("4x4x6", lambda: [flat(4), flat(4), flat(6)]), ("cube", lambda: [flat(r(2, 5)), flat(r(2, 5)), flat(r(2, 5))]),
        ("flat", lambda: [flat(r(2, 13)), flat(r(2, 13))]), ("treeflat", lambda: [tree(groups(5, 2, 5)), flat(r(2, 8))]),
        ("treetree", lambda: [tree(groups(4, 2, 4)), tree(groups(3, 2, 3))]),
        ("treecube", lambda: [tree(groups(3, 2, 3)), flat(r(2, 3)), flat(r(2, 4))]), ("four", lambda: [flat(2), flat(2), flat(2), flat(r(2, 4))]),
    ]
    if seed != 1:
        shapes = [shapes[0], ("cube5", lambda: [flat(r(3, 5)), flat(r(3, 5)), flat(r(3, 5))])] + shapes
    done = 0
    while done < tables:
        name, dimensions = shapes[done % len(shapes)]
        kind = r(1, 2) if name == "4x4x6" else r(0, len(kinds) - 1)
        people, relations = table(dimensions(), kinds[kind])
        if len(people) <= 200 and any(0 < n < K for n in people):
            bound, sign = fewest(people, relations, seconds)
            print(name, K, json.dumps(people), json.dumps(relations), bound, sign, sep="\t", flush=True)
            done += 1


def ask(file, seconds):
    for line in open(file):
        name, _, people, relations, *_, pattern = line.rstrip("\n").split("\t")
        print(name, pattern, *fewest(json.loads(people), json.loads(relations), seconds, int(pattern) - 2), sep="\t", flush=True)


if len(sys.argv) == 3:
    ask(sys.argv[1], float(sys.argv[2]))
else:
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
